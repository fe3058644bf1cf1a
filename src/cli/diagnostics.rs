//! The diagnostic log of this process, for debugging: GAMEDAY_LOG selects what goes to standard error.

use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Starts it, if GAMEDAY_LOG is set.
pub(super) fn start() {
    let asked = EnvFilter::try_from_env("GAMEDAY_LOG").unwrap_or_else(|_| "off".into());
    let shown = tracing_subscriber::fmt::layer()
        .log_internal_errors(false)
        .with_writer(|| super::output::DebugLog)
        .with_filter(filter_fn(may_be_shown));
    tracing_subscriber::registry().with(asked).with(shown).init();
}

/// At TRACE the libraries log whole requests and responses, with passwords and tokens. No setting enables that.
fn may_be_shown(of: &Metadata<'_>) -> bool {
    *of.level() <= LevelFilter::DEBUG
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct CapturedOutput(Arc<Mutex<Vec<u8>>>);

    impl Write for CapturedOutput {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn s17_no_level_shows_what_libraries_write_down_of_requests() {
        let kept = CapturedOutput::default();
        let writer = kept.clone();
        let shown =
            tracing_subscriber::fmt::layer().with_writer(move || writer.clone()).with_filter(filter_fn(may_be_shown));
        let subscriber = tracing_subscriber::registry().with(EnvFilter::new("trace")).with(shown);
        tracing::subscriber::with_default(subscriber, || {
            tracing::trace!(target: "aws_smithy_runtime", "AccessToken: eyJ");
            tracing::trace!("AccessToken: eyJ");
            tracing::debug!(target: "hyper", "connected");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("connected") && !text.contains("eyJ"), "{text}");
    }
}
