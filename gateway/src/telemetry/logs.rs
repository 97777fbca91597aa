//! Logs: one JSON object per line on stderr, so that stdout stays free for a command's output.

use tracing_subscriber::{
    EnvFilter, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt,
};

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Starts logging for the process. The filter is a level, or a list as in `info,gateway=debug`.
pub fn init(filter: &str) -> Result<(), String> {
    let filter = parse(filter)?;
    subscriber(filter, std::io::stderr)
        .try_init()
        .map_err(|error| format!("logging cannot start: {error}"))
}

fn parse(text: &str) -> Result<EnvFilter, String> {
    let explain = |part: &str| {
        format!(
            "the log filter {text:?} is wrong at {part:?}: write a level (off, error, warn, info, debug, trace), or a list as in \"info,gateway=debug\""
        )
    };
    // A lone word would be taken for a module whose every level is wanted, so that a misspelt level would silence all
    // of the log.
    for part in text.split(',').map(str::trim) {
        let lone_word = !part.contains(['=', '[', ':']);
        if lone_word && !LEVELS.iter().any(|level| level.eq_ignore_ascii_case(part)) {
            return Err(explain(part));
        }
    }
    // actix logs each malformed request as an error, but nobody has to act when a port scanner passes.
    let quiet = if text.contains("actix_http") { "" } else { ",actix_http=off" };
    EnvFilter::try_new(format!("{text}{quiet}")).map_err(|_| explain(text))
}

fn subscriber<W>(filter: EnvFilter, writer: W) -> impl SubscriberInitExt
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(true)
        .with_writer(writer);
    tracing_subscriber::registry().with(filter).with(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_one_flat_json_object() {
        let lines = Lines::default();
        let writer = lines.clone();
        let dispatch: tracing::Dispatch =
            subscriber(parse("info").unwrap(), move || writer.clone()).into();
        tracing::dispatcher::with_default(&dispatch, || {
            tracing::info!(latency_ms = 12, "Upstream {} timed out", "openai");
            tracing::debug!("not wanted");
        });

        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "Upstream openai timed out");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["latency_ms"], 12);
        assert!(line["target"].as_str().unwrap().ends_with("logs::tests"), "{line}");
        assert!(line["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{line}");
    }

    #[test]
    fn a_wrong_filter_says_what_to_write() {
        for good in ["info", "INFO", "warn,gateway=debug", "info,hyper::client=off", "off"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["inof", "", "info,,debug", "gateway=loud", "info,gateway", "gateway=["] {
            let error = parse(bad).unwrap_err();
            assert!(error.contains("write a level"), "{bad}: {error}");
        }
    }
}
