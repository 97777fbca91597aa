//! `application/vnd.amazon.eventstream`: binary frames with two checksums each.

use serde_json::Value;

/// The header type of a string.
const STRING: u8 = 7;

/// A frame that tells of an event.
pub fn event(name: &str, payload: &Value) -> Vec<u8> {
    framed(&[(":event-type", name), JSON, (":message-type", "event")], payload)
}

/// A frame that tells that the answer has failed.
pub fn exception(name: &str, payload: &Value) -> Vec<u8> {
    framed(&[(":exception-type", name), JSON, (":message-type", "exception")], payload)
}

const JSON: (&str, &str) = (":content-type", "application/json");

fn framed(headers: &[(&str, &str)], payload: &Value) -> Vec<u8> {
    frame(headers, payload.to_string().as_bytes())
}

/// Names are shorter than 256 bytes, values and payloads shorter than a length field can tell:
/// nothing that is written here comes near to that.
fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    for (name, value) in headers {
        head.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        head.extend(name.as_bytes());
        head.push(STRING);
        head.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        head.extend(value.as_bytes());
    }
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let mut bytes = Vec::with_capacity(head.len() + payload.len() + 16);
    bytes.extend(length(head.len() + payload.len() + 16));
    bytes.extend(length(head.len()));
    bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
    bytes.extend(head);
    bytes.extend(payload);
    bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn frames_are_as_amazons_own() {
        assert_eq!(hex(&frame(&[], &[])), "000000100000000005c248eb7d98c8ff");

        let payload = br#"{"contentBlockIndex":0,"delta":{"text":"Hi"}}"#;
        let headers = [(":event-type", "contentBlockDelta"), JSON, (":message-type", "event")];
        let expected = "0000009400000057b4ab9aee0b3a6576656e742d747970650700\
            11636f6e74656e74426c6f636b44656c74610d3a636f6e74656e742d747970650700106170706c69636174\
            696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b22636f6e74656e74426c6f63\
            6b496e646578223a302c2264656c7461223a7b2274657874223a224869227d7d1f944657";
        assert_eq!(hex(&frame(&headers, payload)), expected);

        let payload = serde_json::json!({ "message": "Too many requests" });
        let expected = "00000090000000618e91a9b70f3a657863657074696f6e2d7479706507001374\
            68726f74746c696e67457863657074696f6e0d3a636f6e74656e742d747970650700106170706c69636174\
            696f6e2f6a736f6e0d3a6d6573736167652d74797065070009657863657074696f6e7b226d657373616765\
            223a22546f6f206d616e79207265717565737473227de67f8005";
        assert_eq!(hex(&exception("throttlingException", &payload)), expected);
    }
}
