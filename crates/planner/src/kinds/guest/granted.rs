//! Something that an entry gives: a name, or a name and an end of its own.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::written::SOMETHING;
use crate::load::Origin;
use crate::time::Until;

/// A membership, or something else that a guest is given, as declared.
#[derive(Clone, Debug)]
pub struct Granted {
    /// When it ends, if before the guest does.
    pub expires: Option<Until>,
    /// Where it stands.
    pub origin: Origin,
}

/// `audit-readers` or `{name: audit-readers, expires: 2026-09-30}`.
pub(crate) struct WrittenGrant {
    pub(crate) name: String,
    pub(crate) expires: Option<Until>,
}

impl JsonSchema for WrittenGrant {
    fn schema_name() -> Cow<'static, str> {
        "Grant".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let until = generator.subschema_for::<Until>();
        json_schema!({
            "description": "A name, or a name and when it ends.",
            "anyOf": [
                { "type": "string", "pattern": SOMETHING },
                {
                    "type": "object",
                    "properties": {
                        "name": { "type": "string", "pattern": SOMETHING, "description": "What is given." },
                        "expires": until,
                    },
                    "required": ["name"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

impl<'de> Deserialize<'de> for WrittenGrant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Full {
            name: String,
            expires: Option<Until>,
        }
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = WrittenGrant;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or {name: …, expires: …}")
            }

            fn visit_str<E>(self, name: &str) -> Result<WrittenGrant, E> {
                Ok(WrittenGrant {
                    name: name.to_owned(),
                    expires: None,
                })
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<WrittenGrant, A::Error> {
                let full = Full::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(WrittenGrant {
                    name: full.name,
                    expires: full.expires,
                })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
