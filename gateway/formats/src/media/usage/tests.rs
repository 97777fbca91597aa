use super::*;
use proptest::prelude::*;

fn billed(api: Api, body: &str) -> Usage {
    read_usage(api, body.as_bytes()).billed.unwrap_or_default()
}

#[test]
fn images_are_counted_in_tokens_where_the_provider_tells_them() {
    let body = r#"{"created":1,"data":[{"b64_json":"AA"}],"usage":{"input_tokens":150,"input_tokens_details":{"text_tokens":50,"image_tokens":100},"output_tokens":1056,"total_tokens":1206}}"#;
    let usage = billed(Api::ImageEdits, body);
    assert_eq!((usage.input_uncached, usage.image_input, usage.image_output), (50, 100, 1056));
    assert_eq!((usage.output, usage.images, usage.requests, usage.tokens()), (0, 0, 1, 1206));
    let mixed = body.replace(
        "\"total_tokens\"",
        "\"output_tokens_details\":{\"image_tokens\":1000,\"text_tokens\":56},\"total_tokens\"",
    );
    let usage = billed(Api::Images, &mixed);
    assert_eq!((usage.image_output, usage.output), (1000, 56));
}

#[test]
fn cached_images_are_apart_from_cached_text() {
    let body = r#"{"data":[],"usage":{"input_tokens":150,"input_tokens_details":{"text_tokens":50,"image_tokens":100},"cached_tokens":90,
        "cached_tokens_details":{"cached_text_tokens":10,"cached_image_tokens":80},"output_tokens":5,"total_tokens":155}}"#;
    let usage = billed(Api::Images, body);
    assert_eq!((usage.cache_read, usage.cache_read_image), (10, 80));
    assert_eq!((usage.input_uncached, usage.image_input, usage.input()), (40, 20, 150));
}

#[test]
fn images_without_tokens_are_counted() {
    let usage =
        billed(Api::Images, r#"{"created":1,"data":[{"url":"a"},{"url":"b"}],"usage":null}"#);
    assert_eq!((usage.images, usage.tokens(), usage.requests), (2, 0, 1));
}

#[test]
fn sounds_are_counted_in_tokens_or_in_time() {
    let tokens = r#"{"text":"hi","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":4,"audio_tokens":10},"output_tokens":45,"total_tokens":59}}"#;
    let usage = billed(Api::Transcriptions, tokens);
    assert_eq!(
        (usage.input_uncached, usage.audio_input, usage.output, usage.audio_ms),
        (4, 10, 45, 0)
    );
    let cases = [
        (r#"{"text":"hi","usage":{"type":"duration","seconds":9}}"#, 9_000),
        (r#"{"task":"transcribe","duration":"8.4701","text":"hi"}"#, 8_471),
        (r#"{"task":"transcribe","duration":8.47,"text":"hi","segments":[]}"#, 8_470),
        (
            "1\n00:00:00,000 --> 00:00:04,000\nhi\n\n2\n00:00:04,000 --> 01:02:03,500\nyou\n",
            3_723_500,
        ),
        ("WEBVTT\n\n00:00.000 --> 00:04.250 align:start\nhi\n", 4_250),
    ];
    for (body, audio_ms) in cases {
        let usage = billed(Api::Translations, body);
        assert_eq!((usage.audio_ms, usage.tokens(), usage.requests), (audio_ms, 0, 1), "{body}");
    }
    for untold in ["just words", r#"{"text":"hi"}"#, ""] {
        assert_eq!(read_usage(Api::Transcriptions, untold.as_bytes()), Reported::default());
    }
}

#[test]
fn speech_is_charged_by_its_characters() {
    let usage = usage_of_speech("{\"model\":\"tts-1\",\"input\":\"Grüße 👋\\n\"}".as_bytes())
        .billed
        .unwrap();
    assert_eq!((usage.characters, usage.requests), (8, 1));
    assert_eq!(usage_of_speech(b"{\"input\":5}"), Reported::default());
    assert_eq!(read_usage(Api::Speech, b"ID3"), Reported::default());
}

#[test]
fn moderation_costs_nothing() {
    let usage = billed(Api::Moderations, "{}");
    assert_eq!((usage.tokens(), usage.requests), (0, 1));
}

#[test]
fn streams_tell_it_at_their_end() {
    let image = br#"{"type":"image_generation.completed","b64_json":"AA","usage":{"input_tokens":5,"output_tokens":7,"total_tokens":12}}"#;
    let usage = read_event_usage(image).unwrap().billed.unwrap();
    assert_eq!((usage.input_uncached, usage.image_output), (5, 7));
    let heard = br#"{"type":"transcript.text.done","text":"hi","usage":{"type":"tokens","input_tokens":5,"input_token_details":{"audio_tokens":5},"output_tokens":7}}"#;
    let usage = read_event_usage(heard).unwrap().billed.unwrap();
    assert_eq!((usage.audio_input, usage.output), (5, 7));
    let spoken = br#"{"type":"speech.audio.done","usage":{"input_tokens":5,"output_tokens":7,"total_tokens":12}}"#;
    let usage = read_event_usage(spoken).unwrap().billed.unwrap();
    assert_eq!((usage.input_uncached, usage.audio_output), (5, 7));
    for other in [&br#"{"type":"transcript.text.delta","delta":"h"}"#[..], b"[DONE]", b"{}"] {
        assert_eq!(read_event_usage(other), None);
    }
}

#[test]
fn what_cannot_be_believed_is_refused() {
    for usage in [
        r#"{"input_tokens":-1}"#,
        r#"{"seconds":-2}"#,
        "{}",
        "7",
        r#"{"seconds":"x"}"#,
        r#"{"output_tokens":1e300}"#,
    ] {
        let body = format!("{{\"data\":[],\"usage\":{usage}}}");
        assert!(read_usage(Api::Images, body.as_bytes()).refused, "{usage}");
        assert!(read_usage(Api::Transcriptions, body.as_bytes()).refused, "{usage}");
    }
}

proptest! {
    #[test]
    fn buckets_add_up_to_the_totals_whatever_the_details_say(
        input in 0u64..10_000, output in 0u64..10_000, image in 0u64..20_000, audio in 0u64..20_000,
        cached in 0u64..20_000, cached_image in 0u64..20_000, image_out in 0u64..20_000, audio_out in 0u64..20_000,
    ) {
        let body = serde_json::json!({"data": [], "usage": {
            "input_tokens": input, "input_tokens_details": {"image_tokens": image, "audio_tokens": audio},
            "cached_tokens": cached, "cached_tokens_details": {"cached_image_tokens": cached_image},
            "output_tokens": output, "output_tokens_details": {"image_tokens": image_out, "audio_tokens": audio_out},
        }});
        for api in [Api::Images, Api::Transcriptions] {
            let usage = billed(api, &body.to_string());
            prop_assert_eq!((usage.input(), usage.total_output()), (input, output));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(body in "\\PC{0,60}") {
        for api in Api::ALL {
            let _ = read_usage(api, body.as_bytes());
        }
        let _ = (read_event_usage(body.as_bytes()), usage_of_speech(body.as_bytes()));
        let _ = read_usage(Api::Transcriptions, format!("0 --> {body}").as_bytes());
    }
}
