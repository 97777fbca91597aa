use super::*;
use crate::json::object;
use proptest::prelude::*;

/// Prompt at the full price, cache read, cache written, answer, reasoning, audio in, audio out.
fn told(text: &str) -> [u64; 7] {
    let usage = read(text).unwrap_or_else(|| panic!("no usage in {text}"));
    assert_eq!(usage.requests, 1);
    [
        usage.input_uncached,
        usage.cache_read,
        usage.cache_write_5m,
        usage.output,
        usage.reasoning,
        usage.audio_input,
        usage.audio_output,
    ]
}

#[test]
fn buckets_are_disjoint_wherever_a_provider_puts_its_numbers() {
    let cases = [
        (
            "OpenAI",
            r#"{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,
                "prompt_tokens_details":{"cached_tokens":8,"cache_write_tokens":2,"audio_tokens":null},
                "completion_tokens_details":{"reasoning_tokens":4,"audio_tokens":0}}"#,
            [9, 8, 2, 10, 4, 0, 0],
        ),
        (
            "OpenAI with sound",
            r#"{"prompt_tokens":100,"completion_tokens":50,"prompt_tokens_details":{"audio_tokens":60},
                "completion_tokens_details":{"audio_tokens":40}}"#,
            [40, 0, 0, 10, 0, 60, 40],
        ),
        (
            "DeepSeek",
            r#"{"prompt_tokens":100,"completion_tokens":7,"total_tokens":107,
                "prompt_cache_hit_tokens":90,"prompt_cache_miss_tokens":10}"#,
            [10, 90, 0, 7, 0, 0, 0],
        ),
        (
            "DeepSeek without a sum",
            r#"{"completion_tokens":7,"prompt_cache_hit_tokens":90,"prompt_cache_miss_tokens":10}"#,
            [10, 90, 0, 7, 0, 0, 0],
        ),
        (
            "Qwen",
            r#"{"prompt_tokens":2000,"completion_tokens":5,"prompt_tokens_details":
                {"cached_tokens":500,"cache_creation_input_tokens":1200,"cache_type":"ephemeral"}}"#,
            [300, 500, 1200, 5, 0, 0, 0],
        ),
        (
            "Moonshot",
            r#"{"prompt_tokens":30,"completion_tokens":5,"total_tokens":35,"cached_tokens":20}"#,
            [10, 20, 0, 5, 0, 0, 0],
        ),
        (
            "Mistral",
            r#"{"prompt_tokens":30,"completion_tokens":5,"num_cached_tokens":16}"#,
            [14, 16, 0, 5, 0, 0, 0],
        ),
        (
            "Mistral's other spelling",
            r#"{"prompt_tokens":30,"completion_tokens":5,"prompt_token_details":{"cached_tokens":16},
                "prompt_tokens_details":null,"prompt_audio_seconds":null}"#,
            [14, 16, 0, 5, 0, 0, 0],
        ),
        (
            "Groq",
            r#"{"queue_time":0.03,"prompt_tokens":30,"prompt_time":0.01,"completion_tokens":5,
                "completion_time":0.02,"total_tokens":35,"total_time":0.03,
                "prompt_tokens_details":{"cached_tokens":10}}"#,
            [20, 10, 0, 5, 0, 0, 0],
        ),
        (
            "xAI",
            r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":35,
                "completion_tokens_details":{"reasoning_tokens":20}}"#,
            [10, 0, 0, 25, 20, 0, 0],
        ),
        (
            "more reasoning than answer, without a total",
            r#"{"prompt_tokens":10,"completion_tokens":5,
                "completion_tokens_details":{"reasoning_tokens":20}}"#,
            [10, 0, 0, 25, 20, 0, 0],
        ),
        (
            "a prompt without its cached part",
            r#"{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":90}}"#,
            [10, 90, 0, 5, 0, 0, 0],
        ),
        (
            "Perplexity",
            r#"{"prompt_tokens":10,"completion_tokens":50,"total_tokens":60,"reasoning_tokens":30,
                "search_context_size":"low","num_search_queries":2,"citation_tokens":7}"#,
            [10, 0, 0, 50, 30, 0, 0],
        ),
        (
            "a gateway that serves Claude",
            r#"{"prompt_tokens":105,"completion_tokens":5,"cache_read_input_tokens":90,
                "cache_creation_input_tokens":5}"#,
            [10, 90, 5, 5, 0, 0, 0],
        ),
        (
            "the newer names",
            r#"{"input_tokens":12,"output_tokens":3,"input_tokens_details":{"cached_tokens":2},
                "output_tokens_details":{"reasoning_tokens":1}}"#,
            [10, 2, 0, 3, 1, 0, 0],
        ),
        ("floats", r#"{"prompt_tokens":12.0,"completion_tokens":3.0}"#, [12, 0, 0, 3, 0, 0, 0]),
        ("embeddings", r#"{"prompt_tokens":5,"total_tokens":5}"#, [5, 0, 0, 0, 0, 0, 0]),
        ("a total alone", r#"{"total_tokens":5}"#, [5, 0, 0, 0, 0, 0, 0]),
        (
            "details of no known shape",
            r#"{"prompt_tokens":5,"completion_tokens":1,"prompt_tokens_details":[],
                "completion_tokens_details":"none"}"#,
            [5, 0, 0, 1, 0, 0, 0],
        ),
    ];
    for (provider, text, expected) in cases {
        assert_eq!(told(text), expected, "{provider}");
    }
}

#[test]
fn images_sounds_and_searches_have_buckets_of_their_own() {
    let images = read(
        r#"{"prompt_tokens":100,"completion_tokens":40,"prompt_tokens_details":{"cached_tokens":10,"text_tokens":30,
            "image_tokens":60},"completion_tokens_details":{"image_tokens":35}}"#,
    )
    .unwrap();
    assert_eq!((images.input_uncached, images.image_input, images.cache_read), (30, 60, 10));
    assert_eq!((images.output, images.image_output), (5, 35));
    let sound =
        read(r#"{"prompt_tokens":4,"completion_tokens":2,"prompt_audio_seconds":11}"#).unwrap();
    assert_eq!((sound.audio_ms, sound.input_uncached), (11_000, 4));
    let search =
        read(r#"{"prompt_tokens":4,"completion_tokens":2,"num_search_queries":3}"#).unwrap();
    assert_eq!(search.web_searches, 3);
}

#[test]
fn nonsense_is_refused_and_null_is_no_usage() {
    let refused = [
        "{}",
        "[]",
        r#"{"prompt_tokens":-1,"completion_tokens":3}"#,
        r#"{"prompt_tokens":5,"completion_tokens":-3}"#,
        r#"{"prompt_tokens":"x"}"#,
        r#"{"prompt_tokens":1e300}"#,
        r#"{"prompt_tokens":18446744073709551615}"#,
    ];
    for text in refused {
        assert_eq!(read(text), None, "{text}");
        assert!(read_usage(text).refused, "{text}");
    }
    assert_eq!(read_usage("null"), Reported::default());
}

proptest! {
    #[test]
    fn uncached_read_and_written_add_up_to_the_prompt(
        prompt in 0u64..100_000,
        completion in 0u64..100_000,
        cached in 0u64..100_000,
        written in 0u64..100_000,
        reasoning in 0u64..100_000,
        audio in 0u64..1000,
    ) {
        let text = serde_json::json!({
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written, "audio_tokens": audio},
            "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": audio},
        });
        let usage = read(&text.to_string()).unwrap();
        let expected = if cached > prompt { prompt + cached } else { prompt };
        prop_assert_eq!(usage.input(), expected);
        prop_assert!(usage.total_output() >= completion);
        prop_assert!(usage.reasoning <= usage.output);
    }

    #[test]
    fn what_is_written_is_read_again(
        buckets in proptest::array::uniform8(0u64..100_000),
        reasoning in 0u64..100_000,
    ) {
        let [input_uncached, cache_read, cache_write_5m, output, audio_input, audio_output, image_input, image_output] =
            buckets;
        let usage = Usage {
            input_uncached,
            cache_read,
            cache_write_5m,
            output,
            reasoning: reasoning.min(output),
            audio_input,
            audio_output,
            image_input,
            image_output,
            requests: 1,
            ..Usage::default()
        };
        let mut text = Vec::new();
        object(&mut text, |members| write_usage(members, &usage));
        prop_assert_eq!(read(std::str::from_utf8(&text).unwrap()), Some(usage));
    }
}
