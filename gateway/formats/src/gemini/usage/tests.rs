use super::*;
use crate::json::object;
use proptest::prelude::*;

fn billed(text: &str) -> Usage {
    let reported = read_usage(text);
    assert!(!reported.refused, "{text}");
    reported.billed.unwrap_or_else(|| panic!("no usage in {text}"))
}

#[test]
fn buckets_are_disjoint() {
    let usage = |input_uncached, cache_read, output, reasoning| Usage {
        input_uncached,
        cache_read,
        output,
        reasoning,
        requests: 1,
        ..Usage::default()
    };
    let cases = [
        (
            "thoughts apart",
            r#"{"promptTokenCount":107,"candidatesTokenCount":31,"thoughtsTokenCount":148,"totalTokenCount":286}"#,
            usage(107, 0, 179, 148),
        ),
        (
            "thoughts inside, as the total tells",
            r#"{"promptTokenCount":100,"candidatesTokenCount":50,"thoughtsTokenCount":30,"totalTokenCount":150}"#,
            usage(100, 0, 50, 30),
        ),
        (
            "thoughts only: the limit was reached",
            r#"{"promptTokenCount":9,"thoughtsTokenCount":30,"totalTokenCount":39}"#,
            usage(9, 0, 30, 30),
        ),
        (
            "a cache",
            r#"{"promptTokenCount":1000,"cachedContentTokenCount":900,"candidatesTokenCount":5,"totalTokenCount":1005}"#,
            usage(100, 900, 5, 0),
        ),
        (
            "tools that are charged like the prompt",
            r#"{"promptTokenCount":10,"toolUsePromptTokenCount":40,"candidatesTokenCount":5,"thoughtsTokenCount":2,"totalTokenCount":57}"#,
            usage(50, 0, 7, 2),
        ),
        (
            "no total",
            r#"{"promptTokenCount":10,"candidatesTokenCount":5,"thoughtsTokenCount":2}"#,
            usage(10, 0, 7, 2),
        ),
        ("an empty answer", r#"{"promptTokenCount":10,"totalTokenCount":10}"#, usage(10, 0, 0, 0)),
        (
            "numbers in other clothes",
            r#"{"promptTokenCount":"10","candidatesTokenCount":5.0}"#,
            usage(10, 0, 5, 0),
        ),
    ];
    for (name, text, expected) in cases {
        assert_eq!(billed(text), expected, "{name}");
    }
}

#[test]
fn modalities_have_buckets_of_their_own() {
    let usage = billed(
        r#"{"promptTokenCount":1000,"cachedContentTokenCount":300,"candidatesTokenCount":70,"thoughtsTokenCount":5,"totalTokenCount":1075,
            "promptTokensDetails":[{"modality":"TEXT","tokenCount":300},{"modality":"AUDIO","tokenCount":400},{"modality":"IMAGE","tokenCount":200},{"modality":"VIDEO","tokenCount":100}],
            "cacheTokensDetails":[{"modality":"AUDIO","tokenCount":100},{"modality":"TEXT","tokenCount":200}],
            "candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":60},{"modality":"DOCUMENT","tokenCount":1}]}"#,
    );
    let expected = Usage {
        input_uncached: 100,
        cache_read: 200,
        cache_read_audio: 100,
        audio_input: 300,
        image_input: 200,
        video_input: 100,
        output: 15,
        reasoning: 5,
        image_output: 60,
        requests: 1,
        ..Usage::default()
    };
    assert_eq!(usage, expected);
    assert_eq!((usage.input(), usage.total_output()), (1000, 75));
}

#[test]
fn what_a_search_brought_is_not_charged_by_its_tokens() {
    let text = r#"{"promptTokenCount":10,"toolUsePromptTokenCount":4000,"candidatesTokenCount":5,"totalTokenCount":4015}"#;
    let reported = read(text, true);
    assert_eq!(reported.billed.map(|usage| usage.input()), Some(10));
    assert_eq!(reported.shown().map(|usage| usage.input()), Some(4010));
    assert_eq!(read(text, false).billed.map(|usage| usage.input()), Some(4010));
}

#[test]
fn a_usage_without_counts_says_nothing_and_an_impossible_one_is_refused() {
    for nothing in ["null", "{}", r#"{"trafficType":"ON_DEMAND"}"#] {
        assert_eq!(read_usage(nothing), Reported::default(), "{nothing}");
    }
    for bad in [
        r#"{"promptTokenCount":-4}"#,
        r#"{"promptTokenCount":"many"}"#,
        r#"{"candidatesTokenCount":1e30}"#,
        r#"{"promptTokenCount":18446744073709551615}"#,
        "[]",
        "{",
    ] {
        let reported = read_usage(bad);
        assert!(reported.refused && reported.billed.is_none(), "{bad}");
    }
}

proptest! {
    #[test]
    fn buckets_add_up_to_the_prompt_and_none_is_negative(
        prompt in 0u64..5000, cached in 0u64..6000, audio in 0u64..6000, image in 0u64..6000,
        cached_audio in 0u64..6000, candidates in 0u64..5000, thoughts in 0u64..5000,
    ) {
        let text = format!(
            r#"{{"promptTokenCount":{prompt},"cachedContentTokenCount":{cached},"candidatesTokenCount":{candidates},"thoughtsTokenCount":{thoughts},
               "totalTokenCount":{},"promptTokensDetails":[{{"modality":"AUDIO","tokenCount":{audio}}},{{"modality":"IMAGE","tokenCount":{image}}}],
               "cacheTokensDetails":[{{"modality":"AUDIO","tokenCount":{cached_audio}}}]}}"#,
            prompt + candidates + thoughts
        );
        let usage = billed(&text);
        prop_assert_eq!(usage.input(), prompt);
        prop_assert_eq!(usage.total_output(), candidates + thoughts);
        prop_assert!(usage.reasoning <= usage.output);
    }

    #[test]
    fn a_usage_is_written_as_it_is_read(
        input_uncached in 1u64..5000, cache_read in 0u64..5000, output in 0u64..5000, reasoning in 0u64..5000,
        audio_input in 0u64..5000, image_input in 0u64..50, video_input in 0u64..50, cache_read_audio in 0u64..50,
        cache_read_image in 0u64..50, image_output in 0u64..50, audio_output in 0u64..50,
    ) {
        let usage = Usage {
            input_uncached, cache_read, output, reasoning: reasoning.min(output), audio_input, image_input,
            video_input, cache_read_audio, cache_read_image, image_output, audio_output, requests: 1,
            ..Usage::default()
        };
        let mut out = Vec::new();
        object(&mut out, |members| write_usage(members, &usage));
        prop_assert_eq!(billed(std::str::from_utf8(&out).unwrap()), usage);
    }
}
