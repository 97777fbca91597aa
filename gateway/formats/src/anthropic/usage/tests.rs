use super::*;
use crate::{json::object, openai_chat};
use proptest::prelude::*;

fn usage(
    input: u64,
    read: u64,
    write_5m: u64,
    write_1h: u64,
    output: u64,
    reasoning: u64,
) -> Usage {
    Usage {
        input_uncached: input,
        cache_read: read,
        cache_write_5m: write_5m,
        cache_write_1h: write_1h,
        output,
        reasoning,
        requests: 1,
        ..Usage::default()
    }
}

#[test]
fn cache_tokens_are_neither_left_out_nor_doubled() {
    let told = r#"{"input_tokens":10,"cache_read_input_tokens":90,"cache_creation_input_tokens":5,"output_tokens":7}"#;
    let read = read_usage(told).billed.unwrap();
    assert_eq!(read, usage(10, 90, 5, 0, 7, 0));
    assert_eq!(read.input(), 105);
    let mut out = Vec::new();
    object(&mut out, |object| openai_chat::write_usage(object, &read));
    let shown: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(shown["prompt_tokens"], 105);
    assert_eq!(shown["prompt_tokens_details"]["cached_tokens"], 90);
    assert_eq!(shown["total_tokens"], 112);
}

#[test]
fn usage_is_read_in_all_its_forms() {
    let split = r#"{"input_tokens":1,"cache_creation_input_tokens":9,"cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":5},"output_tokens":3,"output_tokens_details":{"thinking_tokens":2},"service_tier":"standard"}"#;
    let part = r#"{"input_tokens":1,"cache_creation_input_tokens":9,"cache_creation":{"ephemeral_1h_input_tokens":5},"output_tokens":3}"#;
    let nulls = r#"{"input_tokens":1,"cache_creation_input_tokens":null,"cache_creation":null,"output_tokens":3.0,"output_tokens_details":null,"iterations":null}"#;
    let cases = [
        (split, usage(1, 0, 4, 5, 3, 2)),
        (part, usage(1, 0, 4, 5, 3, 0)),
        (nulls, usage(1, 0, 0, 0, 3, 0)),
    ];
    for (told, expected) in cases {
        assert_eq!(read_usage(told), Reported::of(expected), "{told}");
    }
}

#[test]
fn what_is_counted_apart_elsewhere_counts_among_the_rest_here() {
    let told = Usage {
        input_uncached: 1,
        audio_input: 2,
        image_input: 4,
        cache_read: 8,
        cache_read_image: 16,
        output: 32,
        image_output: 64,
        web_searches: 3,
        requests: 1,
        ..Usage::default()
    };
    let mut out = Vec::new();
    object(&mut out, |object| write_usage(object, &told));
    let read = read_usage(std::str::from_utf8(&out).unwrap()).billed.unwrap();
    assert_eq!((read.input_uncached, read.cache_read, read.output), (7, 24, 96));
    assert_eq!((read.input(), read.tokens(), read.web_searches), (told.input(), told.tokens(), 3));
}

#[test]
fn what_cannot_be_believed_is_refused() {
    for told in ["{}", "[]", r#"{"input_tokens":-4,"output_tokens":1}"#, r#"{"output_tokens":"9"}"#]
    {
        let read = read_usage(told);
        assert!(read.refused && read.billed.is_none(), "{told}");
    }
    assert_eq!(read_usage("null"), Reported::default());
}

#[test]
fn summaries_and_advisors_are_charged_though_the_top_level_leaves_them_out() {
    let told = r#"{"input_tokens":23000,"output_tokens":1000,"iterations":[
        {"type":"compaction","input_tokens":180000,"output_tokens":3500},
        {"type":"message","input_tokens":23000,"output_tokens":1000},
        {"type":"advisor_message","model":"claude-x","input_tokens":100,"cache_read_input_tokens":7,"output_tokens":50}]}"#;
    let read = read_usage(told);
    assert_eq!(read.billed, Some(usage(203_100, 7, 0, 0, 4550, 0)));
    assert_eq!(read.shown(), Some(usage(23_000, 0, 0, 0, 1000, 0)));
}

#[test]
fn a_stream_overwrites_and_never_adds_up() {
    let mut told = Told::default();
    told.update(r#"{"input_tokens":25,"cache_read_input_tokens":4,"output_tokens":1}"#);
    told.update(r#"{"output_tokens":40}"#);
    told.update(r#"{"input_tokens":25,"output_tokens":89}"#);
    assert_eq!(told.reported(), Reported::of(usage(25, 4, 0, 0, 89, 0)));
}

proptest! {
    #[test]
    fn usage_survives_the_way_through_openais_shape_and_back(
        input in 0..1_000_000_u64,
        read in 0..1_000_000_u64,
        written in 0..1_000_000_u64,
        output in 0..1_000_000_u64,
        thinking in 0..1_000_000_u64,
    ) {
        let first = usage(input, read, written, 0, output, thinking.min(output));
        let mut own = Vec::new();
        object(&mut own, |object| write_usage(object, &first));
        let own = String::from_utf8(own).unwrap();
        let understood = read_usage(&own).billed.unwrap();
        prop_assert_eq!(understood, first);
        prop_assert_eq!(understood.input(), input + read + written);
        let mut theirs = Vec::new();
        object(&mut theirs, |object| openai_chat::write_usage(object, &understood));
        let back = openai_chat::read_usage(std::str::from_utf8(&theirs).unwrap()).billed.unwrap();
        let mut again = Vec::new();
        object(&mut again, |object| write_usage(object, &back));
        prop_assert_eq!(String::from_utf8(again).unwrap(), own);
    }
}
