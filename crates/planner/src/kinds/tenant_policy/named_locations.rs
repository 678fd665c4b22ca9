//! `namedLocations:` places that conditional access knows: ranges of addresses, or countries.
//! Sources: "ipNamedLocation resource type", "countryNamedLocation resource type", Graph v1.0.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::flat::{sorted, yaml};
use super::{Declared, Premium, Properties, Section, Takes, Terms};
use crate::kinds::Stage;
use crate::kinds::guest::user::{DecodeError, text};
use crate::load::Checker;
use crate::policy::Policy;
use crate::request::{Read, Request};
use crate::schema::of;
use crate::snapshot::Topic;
use crate::yaml::{Node, scalar};

pub(super) struct NamedLocations;

const PATH: &str = "/identity/conditionalAccess/namedLocations";
const TYPE: &str = "@odata.type";
const RANGES: &str = "ipRanges";
const TRUSTED: &str = "isTrusted";
const COUNTRIES: &str = "countriesAndRegions";
const LOOKUP: &str = "countryLookupMethod";
const UNKNOWN: &str = "includeUnknownCountriesAndRegions";
const BY_IP: &str = "#microsoft.graph.ipNamedLocation";
const BY_COUNTRY: &str = "#microsoft.graph.countryNamedLocation";

/// What a range of addresses looks like.
const RANGE: &str = r"^[0-9a-fA-F.:]+/[0-9]{1,3}$";

/// A place that conditional access knows, either by addresses or by countries.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "NamedLocation")]
#[serde(deny_unknown_fields, rename_all = "camelCase", expecting = "a mapping")]
struct Written {
    /// The display name, by which policies refer to it.
    #[schemars(length(min = 1, max = 256))]
    name: String,
    /// Ranges of addresses: `203.0.113.0/24`.
    #[schemars(length(min = 1), inner(regex(pattern = RANGE)))]
    ip_ranges: Option<Vec<String>>,
    /// Whether the addresses are trusted.
    is_trusted: Option<bool>,
    /// Countries and regions, by two letters of ISO 3166.
    #[schemars(length(min = 1), inner(regex(pattern = "^[A-Z]{2}$")))]
    countries_and_regions: Option<Vec<String>>,
    /// By what the country is found.
    country_lookup_method: Option<Lookup>,
    /// Whether addresses of no known country are meant, too.
    include_unknown_countries_and_regions: Option<bool>,
}

/// By what the country is found.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[schemars(rename = "CountryLookupMethod")]
#[serde(rename_all = "camelCase")]
enum Lookup {
    /// The address.
    ClientIpAddress,
    /// The position that the Authenticator app tells.
    AuthenticatorAppGps,
}

impl Lookup {
    const ALL: [(Self, &'static str); 2] = [
        (Self::ClientIpAddress, "clientIpAddress"),
        (Self::AuthenticatorAppGps, "authenticatorAppGps"),
    ];
}

impl Written {
    fn properties(&self, node: &Node, check: &mut Checker<'_>) -> Properties {
        let list = |texts: &[String]| sorted(json!(texts));
        let set = |name: &str, value: Option<Value>| value.map(|value| (name.to_owned(), value));
        let lookup = self.country_lookup_method.and_then(|lookup| {
            let same = |(one, _): &&(Lookup, _)| *one as u8 == lookup as u8;
            Lookup::ALL.iter().find(same).map(|(_, name)| json!(name))
        });
        let by_address = [set(TRUSTED, self.is_trusted.map(Value::from))];
        let by_country = [
            set(LOOKUP, lookup),
            set(
                UNKNOWN,
                self.include_unknown_countries_and_regions.map(Value::from),
            ),
        ];
        let (by, mine, others) = match (&self.ip_ranges, &self.countries_and_regions) {
            (Some(ranges), None) => {
                self.check_ranges(ranges, node, check);
                let ranges = set(RANGES, Some(list(ranges)));
                (
                    BY_IP,
                    [ranges].into_iter().chain(by_address).collect::<Vec<_>>(),
                    &by_country[..],
                )
            }
            (None, Some(countries)) => {
                let is_code =
                    |code: &String| code.len() == 2 && code.chars().all(|c| c.is_ascii_uppercase());
                if let Some(at) = countries.iter().position(|code| !is_code(code)) {
                    let text = format!(
                        "`{}` is no country\nhint: two capital letters, such as FI",
                        countries[at]
                    );
                    check.path(node, &["countriesAndRegions".into(), at.into()], text);
                }
                let countries = set(COUNTRIES, Some(list(countries)));
                (
                    BY_COUNTRY,
                    [countries].into_iter().chain(by_country).collect(),
                    &by_address[..],
                )
            }
            _ => {
                check.at(
                    node,
                    "name",
                    "a named location has either `ipRanges` or `countriesAndRegions`",
                );
                return Properties::new();
            }
        };
        if others.iter().any(Option::is_some) {
            check.at(
                node,
                "name",
                "`isTrusted` goes with `ipRanges`, everything else with `countriesAndRegions`",
            );
        }
        let by = (TYPE.to_owned(), json!(by));
        mine.into_iter().flatten().chain([by]).collect()
    }

    fn check_ranges(&self, ranges: &[String], node: &Node, check: &mut Checker<'_>) {
        for (index, range) in ranges
            .iter()
            .enumerate()
            .filter(|(_, range)| !is_range(range))
        {
            let text = format!(
                "`{range}` is no range of addresses\nhint: write it as 203.0.113.0/24 or 2001:db8::/32"
            );
            check.path(node, &["ipRanges".into(), index.into()], text);
        }
    }
}

/// Returns whether a text is an address and how many of its bits count.
fn is_range(text: &str) -> bool {
    let parts = text.split_once('/');
    let read = parts.and_then(|(address, bits)| {
        Some((address.parse::<IpAddr>().ok()?, bits.parse::<u8>().ok()?))
    });
    read.is_some_and(|(address, bits)| bits <= if address.is_ipv4() { 32 } else { 128 })
}

/// Returns the properties that are sent, ranges as Graph has them.
fn body(properties: Properties) -> Value {
    let mut body: Value = properties.into_iter().collect();
    if let Some(ranges) = body.get_mut(RANGES) {
        let each = ranges
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let range = |cidr: &str| {
            let version = if cidr.contains(':') { "6" } else { "4" };
            json!({ TYPE: format!("#microsoft.graph.iPv{version}CidrRange"), "cidrAddress": cidr })
        };
        *ranges = each.map(range).collect();
    }
    body
}

impl Terms for NamedLocations {
    fn noun(&self) -> &'static str {
        "named locations"
    }

    fn schema(&self) -> Value {
        of::<Vec<Written>>()
    }

    fn is_list(&self) -> bool {
        true
    }

    fn read(&self, node: &Node, _: &Policy, check: &mut Checker<'_>) -> Vec<Declared> {
        Section::read_list(check, node, "name", |node, check| {
            check.nothing_held(node, |_| false);
            let written = check.decode::<Written>(node, &[])?;
            Some(Declared {
                properties: written.properties(node, check),
                ..Declared::new(written.name.as_str(), node, check)
            })
        })
    }

    fn written(&self, name: &str, properties: &Properties) -> Option<String> {
        let line = |key: &str| Some(format!("    {key}: {}\n", yaml(properties.get(key)?)));
        let keys = match properties.get(TYPE)?.as_str()? {
            BY_IP => &[RANGES, TRUSTED][..],
            BY_COUNTRY => &[COUNTRIES, LOOKUP, UNKNOWN],
            _ => return None,
        };
        let lines: String = keys.iter().filter_map(|key| line(key)).collect();
        Some(format!("  - name: {}\n{lines}", scalar(name)))
    }

    fn reads(&self) -> Vec<Read> {
        vec![
            Read::list(PATH, "Policy.Read.All")
                .optional()
                .about(Topic::TenantPolicies(Section::NamedLocations)),
        ]
    }

    fn reading(&self) -> &'static [&'static str] {
        &["Policy.Read.All"]
    }

    fn writing(&self) -> &'static [&'static str] {
        &["Policy.Read.All", "Policy.ReadWrite.ConditionalAccess"]
    }

    fn decode(&self, item: &Value) -> Result<Option<(String, Properties)>, DecodeError> {
        let Some(name) = text(item, "displayName") else {
            return Ok(None);
        };
        let mut properties = Properties::new();
        for key in [TYPE, TRUSTED, COUNTRIES, LOOKUP, UNKNOWN] {
            if let Some(value) = item.get(key).filter(|value| !value.is_null()) {
                properties.insert(key.to_owned(), sorted(value.clone()));
            }
        }
        if let Some(ranges) = item[RANGES].as_array() {
            let ranges: Vec<_> = ranges
                .iter()
                .filter_map(|range| range["cidrAddress"].as_str())
                .collect();
            properties.insert(RANGES.to_owned(), sorted(json!(ranges)));
        }
        Ok(Some((name, properties)))
    }

    fn create(&self, name: &str, properties: &Properties) -> Request {
        let mut body = body(properties.clone());
        body["displayName"] = json!(name);
        Request::post(PATH, body)
    }

    fn update(&self, id: &str, before: &Properties, after: &Properties) -> Request {
        let mut changed = after.clone();
        changed.retain(|name, value| name == TYPE || before.get(name) != Some(value));
        Request::patch(format!("{PATH}/{id}"), body(changed))
    }

    fn refusal(&self, before: &Properties, after: &Properties) -> Option<String> {
        let differs = before.get(TYPE) != after.get(TYPE);
        let why = "is known by addresses and would be by countries, or the reverse: Graph cannot change that";
        differs.then(|| why.to_owned())
    }

    /// What another place means for the policies that include or leave it out is not compared: it may be less.
    fn stage(&self, before: Option<&Properties>, after: Option<&Properties>) -> Stage {
        match self.takes(before, after) {
            Takes::Protection => Stage::Relax,
            _ => Stage::Govern,
        }
    }

    fn takes(&self, before: Option<&Properties>, _: Option<&Properties>) -> Takes {
        match before {
            Some(_) => Takes::Protection,
            None => Takes::Nothing,
        }
    }

    fn notes(&self, before: Option<&Properties>, _: &Properties) -> Vec<&'static str> {
        let note = "policies that include this place, or leave it out, change with it";
        before.map(|_| note).into_iter().collect()
    }

    fn needs(&self, _: &Properties) -> Option<Premium> {
        Some(Premium::P1)
    }
}
