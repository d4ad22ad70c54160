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
    let _ = tracing::subscriber::set_global_default(subscriber);
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
