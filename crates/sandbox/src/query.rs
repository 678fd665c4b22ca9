//! The query options of a read: parsed, checked against the schema, and against the rules for
//! advanced queries. <https://learn.microsoft.com/graph/aad-advanced-queries>

use crate::error::GraphError;
use crate::filter::{self, Filter};
use crate::options;
use crate::schema::{self, Support};

/// The options of a read.
#[derive(Debug, Default)]
pub(crate) struct Query {
    /// As sent, decoded, for the next link.
    pub(crate) sent: Vec<(String, String)>,
    pub(crate) select: Option<Vec<String>>,
    pub(crate) expand: Option<Expand>,
    pub(crate) filter: Option<Filter>,
    pub(crate) top: Option<usize>,
    pub(crate) count: bool,
    pub(crate) orderby: Option<(String, Direction)>,
    pub(crate) skiptoken: Option<String>,
}

/// One expanded navigation property.
#[derive(Debug)]
pub(crate) struct Expand {
    pub(crate) name: String,
    pub(crate) select: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

/// Who is asking for what: decides which options are allowed.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// The entity type read.
    pub(crate) of: &'a str,
    pub(crate) many: bool,
    /// The caller sent `ConsistencyLevel: eventual`.
    pub(crate) eventual: bool,
    /// A relationship's list, where every filter is an advanced query.
    pub(crate) related: bool,
}

impl Query {
    pub(crate) fn parse(raw: &str, asked: Asked<'_>) -> Result<Self, GraphError> {
        let mut query = Query {
            sent: options::pairs(raw)?,
            ..Query::default()
        };
        for (name, value) in query.sent.clone() {
            query.option(&name, &value, asked)?;
        }
        query.check(asked)?;
        Ok(query)
    }

    /// The count is answered only to callers who asked for eventual consistency; to others
    /// Graph leaves it out without a word.
    pub(crate) fn counts(&self, eventual: bool) -> bool {
        self.count && eventual
    }

    fn option(&mut self, name: &str, value: &str, asked: Asked<'_>) -> Result<(), GraphError> {
        match name {
            "$select" => self.select = Some(options::select(value, asked.of)?),
            "$expand" => self.expand = Some(options::expand(value, asked.of)?),
            "$filter" if asked.many => self.filter = Some(filter::parse(value)?),
            "$top" if asked.many => self.top = Some(options::top(value)?),
            "$count" if asked.many => {
                self.count = match value {
                    "true" => true,
                    "false" => false,
                    _ => return Err(GraphError::malformed("Invalid value for $count.")),
                }
            }
            "$orderby" if asked.many => self.orderby = Some(options::orderby(value, asked.of)?),
            "$skiptoken" if asked.many => self.skiptoken = Some(value.to_owned()),
            "$skip" => {
                return Err(GraphError::bad("'$skip' is not supported by the service."));
            }
            "$search" => {
                return Err(GraphError::not_served(
                    "$search is not served by this tenant.",
                ));
            }
            // Anything without the dollar sign is a custom option, and ignored.
            _ if name.starts_with('$') => {
                return Err(GraphError::malformed(format!(
                    "The query parameter '{name}' is not supported."
                )));
            }
            _ => {}
        }
        Ok(())
    }

    fn check(&self, asked: Asked<'_>) -> Result<(), GraphError> {
        let mut advanced = None;
        if let Some(filter) = &self.filter {
            alone(filter)?;
            advanced = filter::check(filter, asked.of)?;
            if asked.related {
                advanced = advanced.or(Some("$filter"));
            }
            // That rule is the directory's; the audit log is kept elsewhere.
            if self.orderby.is_some() && asked.of != "directoryAudit" {
                advanced = advanced.or(Some("$orderby"));
            }
        }
        if let Some((name, _)) = &self.orderby
            && schema::property(asked.of, name).and_then(|one| one.orderby)
                == Some(Support::Advanced)
        {
            advanced = advanced.or(Some("$orderby"));
        }
        if let Some(operator) = advanced
            && !self.counts(asked.eventual)
        {
            return Err(GraphError::unsupported_query(format!(
                "Operator '{operator}' is not supported because the required parameters might be missing. Try adding $count=true query parameter and ConsistencyLevel:eventual header. Refer to https://aka.ms/graph-docs/advanced-queries for more information"
            )));
        }
        if self.expand.is_some() && (advanced.is_some() || self.counts(asked.eventual)) {
            return Err(GraphError::unsupported_query(
                "$expand is not supported with advanced queries.",
            ));
        }
        self.check_stores(asked)
    }

    /// Some properties live in other services, which serve one user at a time or few.
    fn check_stores(&self, asked: Asked<'_>) -> Result<(), GraphError> {
        let Some(select) = self.select.as_ref().filter(|_| asked.many) else {
            return Ok(());
        };
        for name in select {
            if schema::property(asked.of, name).is_some_and(|one| one.other_store) {
                return Err(GraphError::new(
                    501,
                    "NotImplemented",
                    "This operation target is not yet supported.",
                ));
            }
        }
        if self.asks_sign_in() && self.top.is_some_and(|top| top > MAX_WITH_SIGN_IN) {
            return Err(GraphError::malformed(
                "Cannot query data for more than 120 users at a time.",
            ));
        }
        Ok(())
    }

    /// Whether the reporting service is asked, which has rules of its own.
    pub(crate) fn asks_sign_in(&self) -> bool {
        let selected = self
            .select
            .iter()
            .flatten()
            .any(|name| name == "signInActivity");
        selected || self.filter.as_ref().is_some_and(mentions_sign_in)
    }
}

/// The page limit when sign-in activity is selected.
pub(crate) const MAX_WITH_SIGN_IN: usize = 120;

/// Sign-in activity cannot be filtered together with anything else.
fn alone(filter: &Filter) -> Result<(), GraphError> {
    if matches!(filter, Filter::And(_) | Filter::Or(_)) && mentions_sign_in(filter) {
        return Err(GraphError::unsupported_query(
            "Filtering on signInActivity cannot be combined with other filters.",
        ));
    }
    Ok(())
}

fn mentions_sign_in(filter: &Filter) -> bool {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().any(mentions_sign_in),
        Filter::Not(inner) => mentions_sign_in(inner),
        Filter::Compare(path, ..) => path[0] == "signInActivity",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: Asked<'_> = Asked {
        of: "user",
        many: true,
        eventual: false,
        related: false,
    };
    const EVENTUAL: Asked<'_> = Asked {
        eventual: true,
        ..USERS
    };

    fn status(raw: &str, asked: Asked<'_>) -> u16 {
        Query::parse(raw, asked)
            .err()
            .map_or(200, |error| error.status)
    }

    #[test]
    fn options_are_read() {
        let query = Query::parse(
            "$filter=userType%20eq%20'Guest'&$select=id,mail&$top=5&$expand=sponsors($select=id)",
            USERS,
        )
        .unwrap();
        assert_eq!(query.top, Some(5));
        assert_eq!(
            query.select.as_deref(),
            Some(&["id".to_owned(), "mail".into()][..])
        );
        let expand = query.expand.unwrap();
        assert_eq!(
            (expand.name.as_str(), expand.select),
            ("sponsors", Some(vec!["id".into()]))
        );
    }

    #[test]
    fn strictness() {
        for raw in [
            "$top=0",
            "$top=1000",
            "$top=x",
            "$skip=5",
            "$select=nonsense",
            "$expand=nonsense",
            "$expand=sponsors,manager",
            "$expand=sponsors($levels=2)",
            "$filter=mail",
            "$unknown=1",
            "$top=1&$top=2",
            "$orderby=companyName",
            "$orderby=nonsense",
            "$count=yes",
            "$select=signInActivity&$top=121",
        ] {
            assert_eq!(status(raw, USERS), 400, "{raw}");
        }
        assert_eq!(status("$select=skills", USERS), 501);
        assert_eq!(
            status("$top=999&custom=1&$orderby=displayName%20desc", USERS),
            200
        );
        assert_eq!(
            status(
                "$filter=mail%20eq%20'x'",
                Asked {
                    many: false,
                    ..USERS
                }
            ),
            400
        );
    }

    #[test]
    fn advanced_queries_need_both_the_header_and_the_count() {
        for raw in [
            "$filter=userType%20ne%20'Guest'",
            "$filter=userType%20eq%20'Guest'&$orderby=displayName",
            "$orderby=createdDateTime",
        ] {
            assert_eq!(status(raw, USERS), 400, "{raw}");
            assert_eq!(status(raw, EVENTUAL), 400, "{raw}");
            let counted = format!("{raw}&$count=true");
            assert_eq!(status(&counted, USERS), 400, "{counted}");
            assert_eq!(status(&counted, EVENTUAL), 200, "{counted}");
            assert_eq!(
                status(&format!("{counted}&$expand=sponsors"), EVENTUAL),
                400
            );
        }
        // Documented: without the header the count is ignored in silence.
        let query = Query::parse("$count=true", USERS).unwrap();
        assert!(!query.counts(false) && query.counts(true));
        let related = Asked {
            related: true,
            ..USERS
        };
        assert_eq!(status("$filter=userType%20eq%20'Guest'", related), 400);
    }

    #[test]
    fn sign_in_activity_stands_alone() {
        let one = "$filter=signInActivity/lastSignInDateTime%20le%202026-01-01";
        assert_eq!(status(one, USERS), 200);
        assert_eq!(
            status(&format!("{one}%20and%20userType%20eq%20'Guest'"), USERS),
            400
        );
    }
}
