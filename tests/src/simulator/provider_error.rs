//! What every provider format's error can be asked for, so that faults look native in each.

use hyper::Response;

use super::body::Body;
use super::directives::{Directives, Refusal, UnknownDirective};

/// An error in the shape of one provider format.
pub trait ProviderError: Sized {
    /// The error that a directive asks for; `model` is the plain name of the one requested.
    fn refusal(refusal: Refusal, model: &str) -> Self;

    /// A failure in the middle of an answer. The directive `error_type` chooses its word.
    fn failure(directives: &Directives) -> Self;

    /// The refusal of a directive that the simulator does not know.
    fn unknown_directive(unknown: &UnknownDirective) -> Self;

    /// The error as the answer to the request of this number.
    fn response(&self, number: u64) -> Response<Body>;
}
