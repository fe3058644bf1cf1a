use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A share, written with its unit: `"99.5%"`. Holds the fraction, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Percent(pub f64);

/// Logins for each second of scenario time, written `"2/s"` or `"90/min"`. Holds the number for each second.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(pub f64);

impl Percent {
    /// Reads `"99.5%"`.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a share: write it with its unit, for example \"99.5%\"");
        let number = text.trim().strip_suffix('%').ok_or_else(wrong)?;
        let percent: f64 = number.trim().parse().map_err(|_| wrong())?;
        if (0.0..=100.0).contains(&percent) {
            Ok(Self(percent / 100.0))
        } else {
            Err(format!("`{text}` is outside 0% to 100%"))
        }
    }
}

impl Rate {
    /// Reads `"2/s"` or `"90/min"`.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a rate: write it with its unit, for example \"2/s\" or \"90/min\"");
        let (number, unit) = text.trim().split_once('/').ok_or_else(wrong)?;
        let number: f64 = number.trim().parse().map_err(|_| wrong())?;
        let rate = match unit.trim() {
            "s" => number,
            "min" => number / 60.0,
            _ => return Err(wrong()),
        };
        if rate > 0.0 && rate.is_finite() { Ok(Self(rate)) } else { Err(format!("`{text}` is not a positive rate")) }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Fractions such as 0.999 are not exact in binary; a millionth of a percent is enough.
        write!(f, "{}%", (self.0 * 1e8).round() / 1e6)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

macro_rules! as_text {
    ($name:ident, $schema:literal, $pattern:literal, $doc:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                $schema.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "description": $doc })
            }
        }
    };
}

pub(super) use as_text;

as_text!(Percent, "Percent", r"^[0-9]+(\.[0-9]+)? ?%$", "A share with its unit: \"99.5%\".");
as_text!(Rate, "Rate", r"^[0-9]+(\.[0-9]+)?/(s|min)$", "A rate with its unit: \"2/s\", \"90/min\".");
