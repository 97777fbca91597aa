//! A request that is read and written for a target of the same format is the same request.

use super::*;
use crate::openai_chat::generated::body;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_request_for_a_target_of_the_same_format_stays_as_it_is(body in body()) {
        let conversation = read_request(body.to_string().as_bytes()).unwrap();
        let (out, outgoing) = sent_with("openai_compatible", &conversation, facts("up")).unwrap();
        prop_assert_eq!(&out, &body);
        prop_assert!(outgoing.dropped.is_empty() && outgoing.clamped.is_empty());
    }

    #[test]
    fn no_request_makes_a_writer_panic(body in body(), kind in proptest::sample::select(dialect::kinds())) {
        let conversation = read_request(body.to_string().as_bytes()).unwrap();
        let lenient = TargetFacts { drop_unsupported: true, ..facts("gpt-5.4") };
        let (out, _) = sent_with(kind.name(), &conversation, lenient).unwrap();
        prop_assert!(out["messages"].is_array());
    }
}
