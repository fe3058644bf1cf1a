use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The text of it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }
    };
}

text_id!(
    /// An AWS Region, as `us-east-1`.
    Region
);
text_id!(
    /// A twelve-digit AWS account ID.
    AccountId
);
text_id!(
    /// Names one run in tags, journals and reports: `gd-20260102t030405z-1a2b3c`.
    RunId
);

/// The header that the synthetic users' requests to the pool carry, with the run's ID: a rule of AWS WAF can tell them from everyone else, and so can
/// whoever reads an access log.
pub const RUN_HEADER: &str = "x-gameday-run";

impl RunId {
    /// The wall-clock time in it, to the second; nothing where it has another form.
    pub fn wall_time(&self) -> Option<Timestamp> {
        let text = self.0.strip_prefix("gd-")?.split('-').next()?.to_ascii_uppercase();
        let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
        jiff::tz::TimeZone::UTC.to_timestamp(time).ok()
    }
}

/// A value that must never be shown: `Debug` hides it, and it is neither `Display` nor `Serialize`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
