//! Calls whose arguments are still coming. Google's format has them whole only.

use crate::conversation::Signature;
use std::collections::VecDeque;

/// The calls of a choice that are not written yet, in order.
#[derive(Default)]
pub(super) struct Calls {
    waiting: VecDeque<Call>,
}

/// A call.
pub(super) struct Call {
    number: u32,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) custom: bool,
    pub(super) signature: Option<Signature>,
    pub(super) arguments: String,
    scan: Scan,
}

/// How far an object has come.
#[derive(Default)]
struct Scan {
    depth: usize,
    in_text: bool,
    escaped: bool,
    whole: bool,
}

impl Scan {
    fn take(&mut self, json: &str) {
        for byte in json.bytes() {
            if self.in_text {
                self.in_text = self.escaped || byte != b'"';
                self.escaped = !self.escaped && byte == b'\\';
                continue;
            }
            match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.whole |= self.depth == 0;
                }
                _ => {}
            }
        }
    }
}

impl Calls {
    /// A call begins.
    pub(super) fn begin(
        &mut self,
        number: u32,
        id: &str,
        name: &str,
        custom: bool,
        signature: Option<Signature>,
    ) {
        self.waiting.push_back(Call {
            number,
            id: id.to_owned(),
            name: name.to_owned(),
            custom,
            signature,
            arguments: String::new(),
            scan: Scan::default(),
        });
    }

    /// More of a call's arguments; false if there is no such call.
    pub(super) fn grow(&mut self, number: u32, json: &str) -> bool {
        let Some(call) = self.waiting.iter_mut().find(|call| call.number == number) else {
            return false;
        };
        call.arguments.push_str(json);
        call.scan.take(json);
        true
    }

    /// Takes the calls that are whole, or all. A call waits for those before it.
    pub(super) fn ready(&mut self, all: bool) -> Vec<Call> {
        let whole = |call: &&Call| all || (call.scan.whole && !call.custom);
        let count = self.waiting.iter().take_while(whole).count();
        self.waiting.drain(..count).collect()
    }
}
