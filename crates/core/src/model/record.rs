//! Reading a record without a detour: serde's way with `flatten` and `tag` holds every line in a tree first, twice, which is most of
//! the time of a report on a million logins.

use std::fmt;

use jiff::Timestamp;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Event, Login, Record};

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Line)
    }
}

struct Line;

impl<'de> Visitor<'de> for Line {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record of an event log, which begins with `seq`, `at` and `event`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record, A::Error> {
        let seq = field(&mut map, "seq")?;
        let at: Timestamp = field(&mut map, "at")?;
        let kind: String = field(&mut map, "event")?;
        let event = if kind == "login" {
            Event::Login(Box::new(Login::deserialize(MapAccessDeserializer::new(map))?))
        } else {
            Event::deserialize(MapAccessDeserializer::new(Tagged { kind: Some(kind), key: true, rest: map }))?
        };
        Ok(Record { seq, at, event })
    }
}

/// The next field, which must have that name.
fn field<'de, A: MapAccess<'de>, T: Deserialize<'de>>(map: &mut A, name: &'static str) -> Result<T, A::Error> {
    map.next_key_seed(Key(name))?.ok_or_else(|| A::Error::missing_field(name))?;
    map.next_value()
}

/// Reads that name.
struct Key(&'static str);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Key {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0)
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<(), E> {
        if key == self.0 { Ok(()) } else { Err(E::custom(format_args!("`{key}` comes where `{}` belongs", self.0))) }
    }
}

/// The fields of an event, with its kind before them again.
struct Tagged<A> {
    kind: Option<String>,
    /// Whether the kind's key is yet to come.
    key: bool,
    rest: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Tagged<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        if std::mem::take(&mut self.key) {
            return seed.deserialize("event".into_deserializer()).map(Some);
        }
        self.rest.next_key_seed(seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        match self.kind.take() {
            Some(kind) => seed.deserialize(kind.into_deserializer()),
            None => self.rest.next_value_seed(seed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Phase;

    const PHASE: &str = r#"{"seq":3,"at":"2026-03-01T09:00:00Z","event":"phase_started","phase":"outage"}"#;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let record: Record = serde_json::from_str(PHASE).unwrap();
        assert_eq!((record.seq, &record.event), (3, &Event::PhaseStarted { phase: Phase::Outage }));
        assert_eq!(serde_json::to_string(&record).unwrap(), PHASE);
    }

    #[test]
    fn what_is_no_record_is_named() {
        let refused = |text: &str| serde_json::from_str::<Record>(text).unwrap_err().to_string();
        assert!(refused(&PHASE.replace("\"at\"", "\"when\"")).starts_with("`when` comes where `at` belongs"));
        assert!(refused(&PHASE.replace("phase_started", "holiday")).starts_with("unknown variant `holiday`"));
        assert!(refused(&PHASE.replace("\"phase\"", "\"part\"")).starts_with("missing field `phase`"));
        assert!(refused(r#"{"seq":3}"#).starts_with("missing field `at`"));
        assert!(refused("[]").contains("a record of an event log"));
    }
}
