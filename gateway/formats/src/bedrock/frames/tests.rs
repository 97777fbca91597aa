use super::*;
use crate::bedrock::testing::{event, exception, frame, framed, hex};
use proptest::prelude::*;

const EMPTY: &str = "000000100000000005c248eb7d98c8ff";

const EVENT: &str = "0000009400000057b4ab9aee0b3a6576656e742d747970650700\
    11636f6e74656e74426c6f636b44656c74610d3a636f6e74656e742d747970650700106170706c69636174\
    696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b22636f6e74656e74426c6f63\
    6b496e646578223a302c2264656c7461223a7b2274657874223a224869227d7d1f944657";

const EXCEPTION: &str = "00000090000000618e91a9b70f3a657863657074696f6e2d7479706507001374\
    68726f74746c696e67457863657074696f6e0d3a636f6e74656e742d747970650700106170706c69636174\
    696f6e2f6a736f6e0d3a6d6573736167652d74797065070009657863657074696f6e7b226d657373616765\
    223a22546f6f206d616e79207265717565737473227de67f8005";

/// What becomes of bytes that come in pieces: the frames, and how it ended.
fn read(bytes: &[u8], cuts: &[usize]) -> (Vec<Frame>, Result<(), FrameFault>) {
    let mut frames = Frames::default();
    let mut out = Vec::new();
    let mut from = 0;
    for cut in cuts.iter().copied().chain([bytes.len()]) {
        let cut = cut.clamp(from, bytes.len());
        let pushed = frames.push(Bytes::copy_from_slice(&bytes[from..cut]));
        if let Err(fault) = pushed {
            return (out, Err(fault));
        }
        for frame in frames.by_ref() {
            match frame {
                Ok(frame) => out.push(frame),
                Err(fault) => return (out, Err(fault)),
            }
        }
        from = cut;
    }
    (out, frames.finish())
}

fn golden() -> (Vec<u8>, Vec<Frame>) {
    let bytes = [hex(EMPTY), hex(EVENT), hex(EXCEPTION)].concat();
    let frame = |message_type, name: &'static str, payload: &'static str| Frame {
        message_type,
        event_type: Cow::Borrowed(name),
        payload: Bytes::from_static(payload.as_bytes()),
    };
    let frames = vec![
        frame(MessageType::Event, "", ""),
        frame(
            MessageType::Event,
            "contentBlockDelta",
            r#"{"contentBlockIndex":0,"delta":{"text":"Hi"}}"#,
        ),
        frame(MessageType::Exception, "throttlingException", r#"{"message":"Too many requests"}"#),
    ];
    (bytes, frames)
}

/// Frames that botocore made.
#[test]
fn frames_are_read_byte_by_byte_and_all_at_once() {
    let (bytes, frames) = golden();
    let each: Vec<usize> = (0..bytes.len()).collect();
    for cuts in [&[][..], &each] {
        let (read, end) = read(&bytes, cuts);
        assert_eq!(read, frames);
        assert_eq!(end, Ok(()));
    }
    let names: Vec<_> = frames.iter().map(|frame| frame.name().into_owned()).collect();
    assert_eq!(names, ["", "contentBlockDelta", "exception:throttlingException"]);
}

#[test]
fn the_encoder_of_these_tests_makes_the_same_bytes() {
    assert_eq!(frame(&[], b""), hex(EMPTY));
    let payload = r#"{"contentBlockIndex":0,"delta":{"text":"Hi"}}"#;
    assert_eq!(event("contentBlockDelta", payload), hex(EVENT));
    let payload = r#"{"message":"Too many requests"}"#;
    assert_eq!(exception("throttlingException", payload), hex(EXCEPTION));
}

#[test]
fn both_checksums_are_verified() {
    let good = hex(EVENT);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        let (frames, end) = read(&bad, &[]);
        assert!(frames.is_empty(), "{at}");
        assert_eq!(end, Err(FrameFault::Checksum), "{at}");
    }
}

#[test]
fn a_partial_frame_at_the_end_is_a_broken_stream() {
    let (bytes, frames) = golden();
    for cut in 1..16 {
        let (read, end) = read(&bytes[..bytes.len() - cut], &[]);
        assert_eq!(read, frames[..2]);
        assert_eq!(end, Err(FrameFault::Partial));
    }
}

#[test]
fn lengths_that_cannot_be_are_told_from_the_first_bytes() {
    let prelude = |whole: u32, headers: u32| {
        let mut bytes = [whole.to_be_bytes(), headers.to_be_bytes()].concat();
        bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
        bytes
    };
    let large = u32::try_from(MAX_FRAME_BYTES).unwrap();
    for (whole, headers) in [
        (15, 0),
        (0, 0),
        (20, 5),
        (large + 1, 0),
        (u32::MAX, u32::MAX),
        (large, MAX_HEADER_BYTES as u32 + 1),
    ] {
        let (frames, end) = read(&prelude(whole, headers), &[]);
        assert!(frames.is_empty());
        assert_eq!(end, Err(FrameFault::Length), "{whole} {headers}");
    }
    assert_eq!(
        read(&prelude(large, 0), &[]).1,
        Err(FrameFault::Partial),
        "the limit itself is good"
    );
}

#[test]
fn what_is_never_taken_does_not_grow_for_ever() {
    let mut frames = Frames::default();
    let chunk = Bytes::from(vec![0; MAX_FRAME_BYTES]);
    assert_eq!(frames.push(chunk.clone()), Ok(()));
    assert_eq!(frames.push(chunk.clone()), Ok(()));
    assert_eq!(frames.push(chunk), Err(FrameFault::Length));
    assert_eq!(frames.next(), None);
    assert_eq!(frames.finish(), Err(FrameFault::Length));
}

#[test]
fn after_a_fault_there_are_no_frames() {
    let mut frames = Frames::default();
    let mut bad = hex(EVENT);
    bad[20] ^= 1;
    frames.push([bad, hex(EVENT)].concat().into()).unwrap();
    assert_eq!(frames.next(), Some(Err(FrameFault::Checksum)));
    assert_eq!(frames.next(), None);
    assert_eq!(frames.push(hex(EVENT).into()), Err(FrameFault::Checksum));
}

#[test]
fn headers_of_all_types_are_passed_over() {
    let mut head = Vec::new();
    let values: [(u8, &[u8]); 10] = [
        (0, b""),
        (1, b""),
        (2, b"1"),
        (3, b"12"),
        (4, b"1234"),
        (5, b"12345678"),
        (6, b"\x00\x03abc"),
        (7, b"\x00\x03abc"),
        (8, b"12345678"),
        (9, b"1234567890123456"),
    ];
    for (kind, value) in values {
        head.extend([1, b'x', kind]);
        head.extend(value);
    }
    head.extend(b"\x0b:event-type\x07\x00\x05chunk");
    let (frames, end) = read(&framed(&head, b"{}"), &[]);
    assert_eq!((frames[0].name().as_ref(), end), ("chunk", Ok(())));
    for bad in
        [&b"\x01x\x0a"[..], b"\x05x", b"\x01x\x07\x00\x09abc", b"\x01x\x07\x00\x01\xff", b"\x01x"]
    {
        assert_eq!(read(&framed(bad, b""), &[]).1, Err(FrameFault::Headers), "{bad:?}");
    }
}

#[test]
fn an_error_that_is_no_exception_is_told_by_its_headers() {
    let headers = [
        (":message-type", "error"),
        (":error-code", "InternalFailure"),
        (":error-message", "It \"failed\"."),
    ];
    let (frames, _) = read(&frame(&headers, b""), &[]);
    assert_eq!(frames[0].message_type, MessageType::Error);
    assert_eq!(frames[0].name(), "exception:InternalFailure");
    assert_eq!(&frames[0].payload[..], br#"{"message":"It \"failed\"."}"#);
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_frames(
        pieces in proptest::collection::vec(("[a-zA-Z]{0,20}", proptest::collection::vec(any::<u8>(), 0..60)), 0..6),
        mut cuts in proptest::collection::vec(0..600_usize, 0..12),
        damage in proptest::option::of((0..400_usize, 1..=255_u8)),
    ) {
        cuts.sort_unstable();
        let headers = |name| [(":message-type", "event"), (":event-type", name)];
        let frames = pieces.iter().map(|(name, payload)| frame(&headers(name.as_str()), payload));
        let mut bytes = frames.collect::<Vec<_>>().concat();
        if let Some((at, bits)) = damage && let Some(byte) = bytes.get_mut(at) {
            *byte ^= bits;
        }
        let whole = read(&bytes, &[]);
        prop_assert_eq!(&read(&bytes, &cuts), &whole);
        if damage.is_none() {
            prop_assert_eq!(whole.1, Ok(()));
            prop_assert_eq!(whole.0.len(), pieces.len());
            for (frame, (name, payload)) in whole.0.iter().zip(&pieces) {
                prop_assert_eq!(frame.name().into_owned(), name.as_str());
                prop_assert_eq!(&frame.payload[..], &payload[..]);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), head in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = read(&bytes, &[7, 30]);
        // Behind good checksums the headers are read as well.
        let _ = read(&framed(&head, &bytes), &[]);
    }
}
