//! Usage of providers in buckets, what it costs by their prices, and the result as a person computes it: a price of one
//! USD per million tokens is 1,000 nano-USD per token.

use super::{price, usage};
use crate::pricing::Circumstances;

type Case = (&'static str, &'static str, i64);

/// Checks `(what, usage, nano-USD)`.
fn check(prices: &str, under: &Circumstances, cases: &[Case]) {
    let price = price(prices);
    for (what, text, nanos) in cases {
        let usage = usage(text);
        assert_eq!(price.cost_under(&usage, under).as_nanos(), *nanos, "{what}: {text}");
    }
}

fn standard(prices: &str, cases: &[Case]) {
    check(prices, &Circumstances::default(), cases);
}

fn at_tier(prices: &str, service_tier: &str, cases: &[Case]) {
    let under = Circumstances { service_tier: Some(service_tier), ..Circumstances::default() };
    check(prices, &under, cases);
}

#[test]
fn openai_text_and_audio() {
    standard(
        "i2.5 o10 c1.25",
        &[
            (
                "1000 prompt tokens, 200 of them cached",
                "input 800 cached 200 output 300",
                5_250_000,
            ),
            ("an answer alone", "output 1", 10_000),
        ],
    );
    standard("i0.02 o0", &[("embeddings", "input 12345", 246_900), ("one token", "input 1", 20)]);
    standard(
        "i0.0003 o0",
        &[("less than a nano-USD is one", "input 1", 1), ("ten tokens", "input 10", 3)],
    );
    standard(
        "i2.5 o10 a40 A80",
        &[("audio both ways", "input 100 audio_in 50 output 20 audio_out 60", 7_250_000)],
    );
    standard(
        "i2 o8 c0.5",
        &[("reasoning costs as the answer", "input 100 output 1000 reasoning 900", 8_200_000)],
    );
}

const GPT_6: &str = "i2 o10 c0.2 w2.5 W5 e0.01|>272000 i4 o15 c0.4 w5 W10\
    |@batch i1 o5 c0.1 w1.25 W2.5|>272000 i2 o7.5 c0.2 w2.5 W5\
    |@flex i1 o5 c0.1 w1.25 W2.5|>272000 i2 o7.5 c0.2 w2.5 W5\
    |@priority i4 o20 c0.4 w5 W10|>272000 i8 o30 c0.8 w10 W20";

#[test]
fn openai_long_prompts_cost_more_from_the_first_token_on() {
    standard(
        GPT_6,
        &[
            ("below the edge", "input 271_999 output 1", 544_008_000),
            ("at the edge", "input 272_000 output 1", 544_010_000),
            ("above the edge", "input 272_001 output 1", 1_088_019_000),
            ("cached tokens count", "input 1 cached 272_000 output 1", 108_819_000),
            (
                "written tokens count",
                "input 100_000 cached 100_000 write_5m 72_001",
                400_000_000 + 40_000_000 + 360_005_000,
            ),
            ("the worked example", "input 200_000 cached 100_000 output 1000", 855_000_000),
            ("the long-lived cache", "write_1h 1000", 5_000_000),
            ("searches", "input 1000 output 100 searches 3", 33_000_000),
        ],
    );
}

#[test]
fn openai_service_tiers() {
    at_tier(
        GPT_6,
        "batch",
        &[("the worked example", "input 200_000 cached 100_000 output 1000", 427_500_000)],
    );
    at_tier(
        GPT_6,
        "flex",
        &[
            ("short", "input 1000 output 100", 1_500_000),
            ("at the edge", "input 272_000", 272_000_000),
            ("above the edge", "input 272_001", 544_002_000),
        ],
    );
    at_tier(GPT_6, "FLEX", &[("in any case", "input 1000 output 100", 1_500_000)]);
    at_tier(
        GPT_6,
        "priority",
        &[
            ("short", "input 1000 output 100", 6_000_000),
            ("above the edge", "input 272_001 output 1", 2_176_038_000),
        ],
    );
    at_tier(GPT_6, "fast", &[("another word for it", "input 1000 output 100", 6_000_000)]);
    at_tier(GPT_6, "default", &[("the standard one", "input 1000 output 100", 3_000_000)]);
    at_tier(GPT_6, "scale", &[("one without a price", "input 1000 output 100", 3_000_000)]);
}

#[test]
fn images_speech_and_transcription() {
    standard(
        "i5 c1.25 g10 G40 h2.5",
        &[
            ("an image by tokens", "input 50 image_in 323 image_out 4160", 169_880_000),
            ("cached, told apart", "cached 40 cached_image 100", 300_000),
        ],
    );
    standard("N0.04", &[("two images by number", "images 2 requests 1", 80_000_000)]);
    standard("n0.0001 i0.1 o0", &[("images to embed", "input 10 input_images 3", 301_000)]);
    standard(
        "u0.006",
        &[
            ("90.5 seconds", "ms 90500", 9_050_000),
            ("a millisecond", "ms 1", 100),
            ("an hour", "ms 3_600_000", 360_000_000),
        ],
    );
    standard(
        "u0.017 i0.0003 o0",
        &[
            ("a third of a nano-USD", "ms 1", 284),
            ("three milliseconds", "ms 3", 850),
            ("rounded once", "ms 1 input 1", 284),
            ("and not before the sum", "ms 1 input 3", 285),
        ],
    );
    standard("k15", &[("a thousand characters", "characters 1000", 15_000_000)]);
    standard(
        "i0.6 o10 A12 u0.015",
        &[
            ("speech whose tokens are told", "input 40 audio_out 500", 6_024_000),
            ("speech of two seconds", "input 40 ms 2000", 24_000 + 500_000),
        ],
    );
    standard(
        "i2.5 o10 a6",
        &[("a transcription by tokens", "input 10 audio_in 1000 output 200", 8_025_000)],
    );
}

const OPUS: &str = "i4 o20 c0.2 w5 W8 e0.01|@batch i2 o10 c0.1 w2.5 W4|*fast 2|*us 1.1";
const OPUS_EXAMPLE: &str = "input 1000 cached 9000 write_5m 500 output 2000";

#[test]
fn anthropic_caches_and_factors() {
    standard(
        OPUS,
        &[
            ("the worked example", OPUS_EXAMPLE, 48_300_000),
            ("an hour of cache", "input 1000 write_1h 2000 output 100", 22_000_000),
            ("both caches", "write_5m 500 write_1h 500", 6_500_000),
        ],
    );
    at_tier(
        OPUS,
        "batch",
        &[("an hour of cache in a batch", "input 1000 write_1h 2000 output 100", 11_000_000)],
    );
    let under = |modifiers| Circumstances { modifiers, ..Circumstances::default() };
    check(
        OPUS,
        &under(&["us"]),
        &[("in the US", OPUS_EXAMPLE, 53_130_000), ("searches too", "searches 2", 22_000_000)],
    );
    check(OPUS, &under(&["fast", "global"]), &[("fast", OPUS_EXAMPLE, 96_600_000)]);
    check(OPUS, &under(&["us", "fast"]), &[("both", OPUS_EXAMPLE, 106_260_000)]);
    check(
        "i0.001 o0|*us 1.1",
        &under(&["us"]),
        &[("1.1 nano-USD", "input 1", 2), ("11 nano-USD", "input 10", 11)],
    );
    standard("i1 o5 c0.1 w1.25", &[("no price for an hour", "write_1h 100", 100_000)]);
}

const SONNET: &str = "i3 o15 c0.3 w3.75 W6|>200000 i6 o22.5 c0.6 w7.5 W12|@batch i1.5 o7.5";

#[test]
fn anthropic_long_prompts() {
    standard(
        SONNET,
        &[
            ("below the edge", "input 199_999 output 1", 600_012_000),
            ("at the edge", "input 200_000 output 1", 600_015_000),
            ("above the edge", "input 200_001 output 1", 1_200_028_500),
            ("cached tokens count", "input 1 cached 200_000", 120_006_000),
        ],
    );
    at_tier(
        SONNET,
        "batch",
        &[
            ("a batch", "input 200_000", 300_000_000),
            ("what nobody tells costs what is dearer", "input 200_001", 1_200_006_000),
        ],
    );
}

const GEMINI_PRO: &str = "i1.25 o10 c0.125|>200000 i2.5 o15 c0.25|@flex i0.625 o5 c0.125\
    |@priority i2.25 o18 c0.225|>200000 i4.5 o27 c0.45";

#[test]
fn gemini_thoughts_modalities_and_tiers() {
    standard(
        GEMINI_PRO,
        &[
            ("at the edge", "input 200_000 output 100 reasoning 80", 251_000_000),
            ("above the edge", "input 200_001 output 100 reasoning 80", 501_502_500),
        ],
    );
    at_tier(GEMINI_PRO, "FLEX", &[("what nobody tells", "input 200_001", 500_002_500)]);
    at_tier(GEMINI_PRO, "PRIORITY", &[("above the edge", "input 200_001", 900_004_500)]);
    standard(
        "i0.3 o2.5 r2.5 c0.03 a1 b0.1",
        &[(
            "audio, cached and not",
            "input 1000 audio_in 200 cached 500 cached_audio 100 output 50 reasoning 20",
            650_000,
        )],
    );
    standard(
        "i0.3 o2.5 G30",
        &[("an answer with an image", "input 100 output 10 image_out 1290", 38_755_000)],
    );
    standard(
        "i0.2 o0 a6.5 g0.45 v12",
        &[("embeddings", "input 10 image_in 258 audio_in 25 video_in 100", 1_480_600)],
    );
}

#[test]
fn deepseek_by_day_and_by_night() {
    let prices = "i1.32 o3.96 c0.044 w0\
        |~12345/00:00-01:00,12345/04:00-06:00,12345/10:00-00:00,67/00:00-00:00 i0.66 o1.98 c0.022";
    let example = "input 10 cached 100 output 5";
    for (at, nanos) in [
        ("2026-11-28T12:00:00Z", 18_700), // a Saturday
        ("2026-11-30T00:59:59Z", 18_700), // a Monday
        ("2026-11-30T01:00:00Z", 37_400),
        ("2026-11-30T02:00:00Z", 37_400),
        ("2026-11-30T05:59:59Z", 18_700),
        ("2026-11-30T06:00:00Z", 37_400),
        ("2026-11-30T23:59:59Z", 18_700),
    ] {
        let under = Circumstances { at: Some(at.parse().unwrap()), ..Circumstances::default() };
        check(prices, &under, &[(at, example, nanos)]);
    }
    standard(
        prices,
        &[("no time, no discount", example, 37_400), ("writing is free", "write_5m 1000", 0)],
    );
}

#[test]
fn providers_of_openais_format() {
    standard(
        "i1.2 o6|>32000 i2.4 o12|>128000 i3 o15",
        &[
            ("Qwen below the first edge", "input 31_999 output 100", 38_998_800),
            ("Qwen at the first edge", "input 32_000 output 100", 39_000_000),
            ("Qwen above it", "input 32_001 output 100", 78_002_400),
            ("Qwen at the second edge", "input 128_000", 307_200_000),
            ("Qwen above it", "input 128_001", 384_003_000),
        ],
    );
    standard(
        "i0.4 o1.2 r4",
        &[("Qwen's reasoning is dearer", "input 100 output 1000 reasoning 600", 2_920_000)],
    );
    standard(
        "i2 o6 c0.5 g2|>199999 i4 o12 c1",
        &[
            ("xAI below the edge", "input 199_999", 399_998_000),
            ("xAI at the edge, which is in it", "input 200_000", 800_000_000),
            ("xAI above the edge", "input 200_001", 800_004_000),
            ("xAI's reasoning is in the output", "input 10 output 25 reasoning 20", 170_000),
        ],
    );
    standard(
        "i1 o2|>512000 i2 o4",
        &[
            ("half a million", "input 512_000", 512_000_000),
            ("and one", "input 512_001", 1_024_002_000),
        ],
    );
    standard("i0.6 o2.5 c0.15", &[("Kimi", "input 100 cached 900 output 10", 220_000)]);
    standard("i0.15 o0.6 c0.075", &[("Groq", "input 600 cached 400 output 50", 150_000)]);
    standard(
        "i1 o1 q0.005",
        &[
            ("Perplexity's fee", "input 20 output 100 requests 1", 5_120_000),
            ("for each request", "input 20 output 100 requests 2", 10_120_000),
        ],
    );
    standard("i0.8 o3.2 c0.2", &[("Nova", "input 500 cached 1000 output 100", 920_000)]);
    standard("i2.75 o11 c1.375", &[("a data zone of Azure", "input 1000 output 100", 3_850_000)]);
}

#[test]
fn cohere_is_charged_by_what_it_bills() {
    standard("i2.5 o10", &[("billed units and not tokens", "input 10 output 5", 75_000)]);
    standard(
        "i0 o0 s0.002",
        &[
            ("250 documents", "units 3 requests 1", 6_000_000),
            ("a hundred documents", "units 1 requests 1", 2_000_000),
            ("no documents", "requests 1", 0),
        ],
    );
    standard("i0.12 o0 g0.47", &[("text and images", "input 100 image_in 1000", 482_000)]);
}

#[test]
fn a_price_that_is_absent_falls_back() {
    standard(
        "i1 o2",
        &[
            ("cached", "cached 10", 10_000),
            ("cached audio", "cached_audio 10", 10_000),
            ("cached images", "cached_image 10", 10_000),
            ("written", "write_5m 10 write_1h 10", 20_000),
            ("audio", "audio_in 10 audio_out 10", 30_000),
            ("images", "image_in 10 image_out 10", 30_000),
            ("video", "video_in 10", 10_000),
            ("reasoning", "output 10 reasoning 10", 20_000),
            ("more reasoning than output is none", "output 10 reasoning 20", 20_000),
            ("what has no price by number", "images 5 characters 5 ms 5 units 5 searches 5", 0),
        ],
    );
    standard(
        "i1 o2 c0.1 a5 g7",
        &[
            ("cached audio as cached text", "cached_audio 10", 1_000),
            ("cached images as cached text", "cached_image 10", 1_000),
        ],
    );
    standard(
        "i1 o2 a5 g7",
        &[
            ("cached audio as audio", "cached_audio 10", 50_000),
            ("cached images as images", "cached_image 10", 70_000),
        ],
    );
}
