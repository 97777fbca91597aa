use super::*;

#[test]
fn reasoning_takes_the_form_that_the_model_knows() {
    let of = |reasoning: Option<Reasoning>| Conversation {
        reasoning,
        max_output: Some(20_000),
        ..hello()
    };
    let budget = |tokens| Some(Reasoning { budget: Some(tokens), ..Reasoning::default() });
    let shown =
        Some(Reasoning { effort: Some(Effort::High), show: Some(true), ..Reasoning::default() });
    let adaptive = json!({"type": "adaptive"});
    let cases = [
        (of(None), OLD, json!(null), json!(null), ""),
        (
            of(effort(Effort::Minimal)),
            OLD,
            json!({"type": "enabled", "budget_tokens": 1024}),
            json!(null),
            "",
        ),
        (
            of(effort(Effort::Max)),
            OLD,
            json!({"type": "enabled", "budget_tokens": 16384}),
            json!(null),
            "",
        ),
        (
            of(budget(500)),
            OLD,
            json!({"type": "enabled", "budget_tokens": 1024}),
            json!(null),
            "thinking.budget_tokens=1024",
        ),
        (
            of(budget(5000)),
            "claude-opus-4-6",
            json!({"type": "enabled", "budget_tokens": 5000}),
            json!(null),
            "",
        ),
        (of(effort(Effort::Medium)), "claude-opus-4-6", adaptive.clone(), json!("medium"), ""),
        (
            of(effort(Effort::Xhigh)),
            "claude-opus-4-6",
            adaptive.clone(),
            json!("high"),
            "reasoning_effort=high",
        ),
        (
            of(effort(Effort::Minimal)),
            "claude-opus-4-7",
            adaptive.clone(),
            json!("low"),
            "reasoning_effort=low",
        ),
        (of(budget(2000)), "claude-opus-4-7", adaptive.clone(), json!("medium"), ""),
        (
            of(shown),
            "claude-opus-5",
            json!({"type": "adaptive", "display": "summarized"}),
            json!("high"),
            "",
        ),
        (of(effort(Effort::None)), "claude-opus-5", json!({"type": "disabled"}), json!(null), ""),
        (of(effort(Effort::None)), OLD, json!({"type": "disabled"}), json!(null), ""),
        (
            of(effort(Effort::None)),
            "claude-fable-5",
            json!(null),
            json!("low"),
            "reasoning_effort=low",
        ),
        (of(effort(Effort::None)), "claude-3-5-haiku", json!(null), json!(null), ""),
        (
            of(effort(Effort::High)),
            "some-deployment",
            json!({"type": "enabled", "budget_tokens": 4096}),
            json!(null),
            "",
        ),
    ];
    for (conversation, model, thinking, effort, clamped) in cases {
        let (body, outgoing) = sent(&conversation, target(model)).unwrap();
        let told = format!("{model} {:?}", conversation.reasoning);
        assert_eq!(body["thinking"], thinking, "{told}");
        assert_eq!(body["output_config"]["effort"], effort, "{told}");
        assert_eq!(outgoing.clamped.join(","), clamped, "{told}");
    }
    let (_, outgoing) = sent(&of(effort(Effort::High)), target("claude-3-5-haiku")).unwrap();
    assert_eq!(outgoing.dropped, ["reasoning_effort"]);
}

#[test]
fn an_app_of_this_format_is_served_by_other_generations_too() {
    let own = |reasoning: Reasoning| Conversation {
        origin: Format::Anthropic,
        reasoning: Some(reasoning),
        max_output: Some(20_000),
        ..hello()
    };
    let mode = |mode| Reasoning { mode: Some(mode), ..Reasoning::default() };
    let enabled = || Reasoning { budget: Some(3000), ..mode(ReasoningMode::Enabled) };
    let cases = [
        (
            own(enabled()),
            "claude-opus-4-8",
            json!({"type": "adaptive"}),
            json!("high"),
            "thinking.type=adaptive",
        ),
        (
            own(mode(ReasoningMode::Adaptive)),
            OLD,
            json!({"type": "enabled", "budget_tokens": 2048}),
            json!(null),
            "thinking.type=enabled",
        ),
        (
            own(mode(ReasoningMode::Disabled)),
            "claude-fable-5",
            json!(null),
            json!("low"),
            "thinking=low",
        ),
        (
            own(Reasoning { effort: Some(Effort::Max), ..mode(ReasoningMode::Disabled) }),
            "claude-opus-5",
            json!({"type": "disabled"}),
            json!("high"),
            "output_config.effort=high",
        ),
        (
            own(Reasoning { effort: Some(Effort::Low), ..Reasoning::default() }),
            "claude-opus-4-5",
            json!(null),
            json!("low"),
            "",
        ),
        (
            own(mode(ReasoningMode::Adaptive)),
            "some-deployment",
            json!({"type": "adaptive"}),
            json!(null),
            "",
        ),
    ];
    for (conversation, model, thinking, effort, clamped) in cases {
        let (body, outgoing) = sent(&conversation, target(model)).unwrap();
        let told = format!("{model} {:?}", conversation.reasoning);
        assert_eq!(body["thinking"], thinking, "{told}");
        assert_eq!(body["output_config"]["effort"], effort, "{told}");
        assert_eq!(outgoing.clamped.join(","), clamped, "{told}");
    }
}

#[test]
fn a_budget_fits_below_the_limit_or_there_is_no_thinking() {
    let of = |max_output| Conversation { reasoning: effort(Effort::High), max_output, ..hello() };
    let cases = [
        (Some(8000), None, 4096, 8000),
        (Some(4096), None, 2048, 4096),
        (Some(1500), None, 1024, 1500),
        (None, None, 4096, 8192),
        (None, Some(64_000), 4096, 64_000),
    ];
    for (asked, cap, budget, most) in cases {
        let facts = TargetFacts { model_max_output: cap, ..target(OLD) };
        let (body, _) = sent(&of(asked), facts).unwrap();
        assert_eq!(body["thinking"]["budget_tokens"], budget);
        assert_eq!(body["max_tokens"], most);
    }
    let (body, outgoing) = sent(&of(Some(1000)), target(OLD)).unwrap();
    assert_eq!(
        (&body["thinking"], outgoing.dropped),
        (&json!(null), vec!["reasoning_effort".to_owned()])
    );
    let mut interleaved = Conversation { origin: Format::Anthropic, ..of(Some(2000)) };
    interleaved.reasoning = Some(Reasoning {
        mode: Some(ReasoningMode::Enabled),
        budget: Some(5000),
        ..Reasoning::default()
    });
    let beta = ("anthropic-beta".to_owned(), "a,interleaved-thinking-2025-05-14".to_owned());
    interleaved.headers.push(beta);
    assert_eq!(self::body(&interleaved, OLD)["thinking"]["budget_tokens"], 5000);
}

#[test]
fn a_loop_without_its_signed_reasoning_goes_on_without_thinking() {
    let reasoning = effort(Effort::High);
    let conversation = Conversation { reasoning, max_output: Some(9000), ..looping() };
    let (body, outgoing) = sent(&conversation, target(OLD)).unwrap();
    assert_eq!(
        (&body["thinking"], outgoing.dropped),
        (&json!(null), vec!["reasoning_effort".to_owned()])
    );
    // Where the model decides whether to think, a turn may lack reasoning.
    let body = self::body(&conversation, "claude-opus-4-6");
    assert_eq!(body["thinking"]["type"], "adaptive");
    let mut signed = conversation;
    let signature = Some(Signature::new(Format::Anthropic, "sig"));
    let part = Part::new(PartKind::Reasoning { text: String::new(), signature });
    signed.turns[1].parts.insert(0, part);
    let body = self::body(&signed, OLD);
    assert_eq!(body["thinking"]["type"], "enabled");
    assert_eq!(
        body["messages"][1]["content"][0],
        json!({"type": "thinking", "thinking": "", "signature": "sig"})
    );
}
