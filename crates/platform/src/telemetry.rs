//! Log lines: text for people, or one JSON object a line for machines. Messages are constant; what varies is in fields, and
//! a type that may hold something about a person prints nothing (see the test).

use serde::Deserialize;
use std::fmt::Write as _;
use std::io::IsTerminal;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

/// The part of a configuration that says what is logged.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug`, or per module: `info,hub::ae=debug`.
    pub level: String,
    /// One JSON object a line instead of text.
    pub json: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".into(), json: false }
    }
}

/// The level is not one.
#[derive(Debug, thiserror::Error)]
#[error("log level {0:?}: use error, warn, info, debug or trace, or module=level pairs with commas")]
pub struct BadLevel(String);

/// Starts logging to standard error, once per process; a second call changes nothing.
pub fn init(config: &LogConfig) -> Result<(), BadLevel> {
    let colours = std::io::stderr().is_terminal();
    let subscriber = subscriber(config, std::io::stderr, colours)?;
    // Set already: the first stays.
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            // Who read our output has gone, `head` for one: no bug, and nothing more to say.
            let formatted = panic.payload().downcast_ref::<String>();
            if formatted.is_some_and(|message| message.starts_with("failed printing to stdout")) {
                std::process::exit(1);
            }
            // A formatted message may hold a value about a person; a literal cannot.
            let message =
                panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(message withheld)");
            let place = panic.location().map_or_else(String::new, ToString::to_string);
            tracing::error!(place, message, "a bug: the program panicked");
        }));
    }
    Ok(())
}

/// A subscriber that writes wherever it is told (tests read it back).
pub fn subscriber<W>(
    config: &LogConfig,
    to: W,
    colours: bool,
) -> Result<Box<dyn Subscriber + Send + Sync>, BadLevel>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&config.level).map_err(|_| BadLevel(config.level.clone()))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(to).with_ansi(colours);
    Ok(if config.json {
        Box::new(builder.event_format(JsonLine).finish())
    } else {
        Box::new(builder.finish())
    })
}

/// `{"at":…,"level":…,"target":…,"message":…,"field":…}`
struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let mut at = String::new();
        SystemTime.format_time(&mut Writer::new(&mut at))?;
        let mut line = serde_json::Map::new();
        line.insert("at".into(), at.into());
        line.insert("level".into(), event.metadata().level().as_str().into());
        line.insert("target".into(), event.metadata().target().into());
        event.record(&mut JsonFields(&mut line));
        writeln!(to, "{}", serde_json::Value::Object(line))
    }
}

struct JsonFields<'l>(&'l mut serde_json::Map<String, serde_json::Value>);

impl Visit for JsonFields<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = write!(text, "{value:?}");
        self.0.insert(field.name().into(), text.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SecretText;
    use crate::keys::{KeyKind, SecretKey};
    use crate::seal::{SealedWriter, SealingKey};
    use std::io;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(config: &LogConfig) -> String {
        let kept = Kept::default();
        let to = kept.clone();
        let subscriber = subscriber(config, move || to.clone(), false).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            let key = SecretKey::from_bytes(KeyKind::HubStorage, *b"SENTINEL-SENTINEL-SENTINEL-SENTI");
            let sealing = SealingKey::new(key.clone());
            let mut writer = SealedWriter::new(Vec::new(), &sealing, "n").unwrap();
            io::Write::write_all(&mut writer, b"SENTINEL").unwrap();
            let sealed = sealing.seal_column("t", "r", "c", b"SENTINEL").unwrap();
            let refused = sealing.open_column("t", "other", "c", &sealed).unwrap_err();
            let text = SecretText::new("SENTINEL");
            tracing::info!(?key, ?sealing, ?writer, ?text, error = %refused, bytes = 7, "all that is secret");
            tracing::debug!("too quiet to be heard");
        });
        String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn what_is_secret_never_reaches_a_log_line() {
        for json in [false, true] {
            let log = logged(&LogConfig { json, ..LogConfig::default() });
            assert!(log.contains("all that is secret") && !log.contains("too quiet"), "{log}");
            assert!(
                !log.contains("SENTINEL") && !log.contains("83, 69, 78") && !log.contains("U0VOVElORUw"),
                "{log}"
            );
        }
    }

    #[test]
    fn a_json_line_is_one_object_with_its_fields() {
        let log = logged(&LogConfig { json: true, ..LogConfig::default() });
        let line: serde_json::Value = serde_json::from_str(log.trim()).unwrap();
        assert_eq!((&line["level"], &line["bytes"]), (&"INFO".into(), &7.into()));
        assert_eq!(line["message"], "all that is secret");
    }

    #[test]
    fn a_level_that_is_none_is_refused() {
        assert!(
            subscriber(&LogConfig { level: "loud=very=much".into(), json: false }, io::sink, false).is_err()
        );
    }
}
