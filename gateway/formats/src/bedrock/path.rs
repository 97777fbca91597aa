//! Where Bedrock has its operations.

use super::sigv4;

/// The path of an operation of a model (`converse`, `converse-stream`, `invoke`, …). The whole name of the model is one
/// segment, also where it is an ARN with slashes.
pub fn path(model_id: &str, operation: &str) -> String {
    let mut path = String::from("/model/");
    sigv4::encode(model_id, "", &mut path);
    path.push('/');
    path.push_str(operation);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_models_name_is_one_segment_whatever_is_in_it() {
        let cases = [
            ("us.anthropic.claude-sonnet-4-6", "/model/us.anthropic.claude-sonnet-4-6/converse"),
            ("amazon.nova-lite-v1:0", "/model/amazon.nova-lite-v1%3A0/converse"),
            (
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-pro-v1:0",
                "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.amazon.nova-pro-v1%3A0/converse",
            ),
            ("a b/../ü?#", "/model/a%20b%2F..%2F%C3%BC%3F%23/converse"),
        ];
        for (model, expected) in cases {
            assert_eq!(path(model, "converse"), expected);
        }
    }
}
