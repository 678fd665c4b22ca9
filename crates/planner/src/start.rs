//! The files that a repository begins with: rules that take nothing from anybody, and a guest whom
//! nobody invites.

use crate::yaml::{Source, scalar};

/// What the files are to say. It is checked when they are loaded.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The tenant's id or a domain of it.
    pub tenant: &'a str,
    /// The name of the repository; only the sandbox can do without.
    pub owner: Option<&'a str>,
    /// The time zone in which days begin and end, by its IANA name.
    pub time_zone: &'a str,
}

/// The folder of rules, and the first file in it.
const RULES: &str = "policies/tenant.yaml";

/// A guest folder must declare somebody: an empty one would say that nobody should have access.
const GUESTS: &str = "guests/example.yaml";

/// Returns the files.
pub fn start(start: Start<'_>) -> [Source; 2] {
    [
        Source {
            path: RULES.to_owned(),
            text: rules(start),
        },
        Source {
            path: GUESTS.to_owned(),
            text: EXAMPLE.to_owned(),
        },
    ]
}

fn rules(start: Start<'_>) -> String {
    let owner = match start.owner {
        Some(owner) => format!("  owner: {}\n", scalar(owner)),
        None => "  #owner: partner-access\n".to_owned(),
    };
    format!(
        "{HEAD}tenant:\n  # The tenant's id or a domain of it. `sandbox` is the one that comes with guestlist.\n  \
         id: {}\n  # The name of this repository, part of the stamp of every guest.\n{owner}  \
         # Days begin and end here.\n  timeZone: {}\n{RULES_FOR_ALL}",
        scalar(start.tenant),
        scalar(start.time_zone)
    )
}

const HEAD: &str = "\
# Which tenant this repository describes, and by which rules. Admins own this folder; sponsors edit
# guests/. Sections may stand in files of their own, and every key is explained in docs/files.md of
# guestlist.
";

const RULES_FOR_ALL: &str = "
# Guests that no file declares and that are not ours. `disable` and `delete` take them out: tighten it
# once the files are complete, one domain at a time if there are many.
scope:
  undeclared: report
  #domains: {contoso.example: disable}
  #protected: [partner-admin@contoso.example]   # nothing is ever taken from these

# How much one run may do. Above it, a person must type the number.
limits:
  removals: {count: 10, percent: 20}   # guests who lose something, but for their own `expires`
  expiries: {count: 100}               # guests whose day has come
  invitations: {count: 50}             # the rest waits for the next run

# What every declared guest must have.
#requirements:
#  sponsors: 1
#  justification: true
#  expires: {within: 365d}
#  domains: {allow: [contoso.example]}

# What happens on which day. It is what happens anyway, but for `pending`.
#lifecycle:
#  expiring: {warn: 14d}
#  expired: {disable: 0d, strip: 0d, delete: 30d}      # after `expires`
#  undeclared: {disable: 0d, strip: 7d, delete: 30d}   # after a guest of ours left the files
#  pending: {remind: 14d, delete: 60d}                 # after an invitation that nobody redeemed

# The groups that guest files may use.
#groups:
#  - name: audit-readers
#  - name: audit-uploaders
";

const EXAMPLE: &str = "\
# Who should have access. A file for each partner is a good start. This one is an example, whose day is
# over so that nobody is invited. Delete it once there is another: guests/ must not be empty.
guests:
  - mail: somebody@contoso.example      # the invited address
    displayName: Ada Lovelace
    companyName: Contoso                # also department, jobTitle, country and so on
    sponsors: [grace@fabrikam.example]  # who vouches: users or groups of the tenant
    justification: Annual audit
    expires: 2020-12-31                 # access ends when this day ends
    #groups:                            # declared below policies/
    #  - audit-readers
    #  - {name: audit-uploaders, expires: 2020-06-30}
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Config, load};
    use crate::policy::Policy;
    use crate::yaml::Mistake;

    fn loaded(tenant: &str, owner: Option<&str>, zone: &str) -> Result<Config, Vec<Mistake>> {
        let start = start(Start {
            tenant,
            owner,
            time_zone: zone,
        });
        load(&start, "2026-11-22T00:00:00Z".parse().unwrap())
    }

    #[test]
    fn the_files_are_right_and_say_what_holds_anyway() {
        let config = loaded(
            "fabrikam.example",
            Some("partner-access"),
            "Europe/Helsinki",
        )
        .unwrap();
        let tenant = &config.policy.tenant;
        assert_eq!(
            (
                tenant.id.as_str(),
                tenant.owner(),
                tenant.time_zone.iana_name()
            ),
            (
                "fabrikam.example",
                "partner-access",
                Some("Europe/Helsinki")
            )
        );
        let (told, holds) = (config.policy, Policy::default());
        let shown = |policy: &Policy| format!("{:?} {:?}", policy.scope, policy.limits);
        assert_eq!(shown(&told), shown(&holds));
        assert!(
            loaded("sandbox", None, "UTC")
                .unwrap()
                .policy
                .tenant
                .is_sandbox()
        );
    }

    #[test]
    fn the_example_meets_the_requirements_that_are_commented_out() {
        let [rules, guests] = start(Start {
            tenant: "sandbox",
            owner: None,
            time_zone: "UTC",
        });
        let asked = rules.text.split("#requirements:\n").nth(1).unwrap();
        let asked: String = asked
            .lines()
            .take(4)
            .map(|line| format!("{}\n", &line[1..]))
            .collect();
        let rules = Source {
            text: format!("{}requirements:\n{asked}", rules.text),
            ..rules
        };
        let config = load(&[rules, guests], "2026-11-22T00:00:00Z".parse().unwrap()).unwrap();
        assert!(config.policy.requirements.justification);
    }

    #[test]
    fn what_is_commented_out_is_right_too() {
        let all = start(Start {
            tenant: "sandbox",
            owner: None,
            time_zone: "UTC",
        });
        // Words begin after one space.
        let is_key = |rest: &str| !rest.starts_with(' ') || rest.starts_with("  ");
        let sources = all.map(|source| {
            let lines = source.text.lines().map(|line| match line.split_once('#') {
                Some((before, rest)) if before.trim().is_empty() && is_key(rest) => {
                    format!("{before}{rest}\n")
                }
                _ => format!("{line}\n"),
            });
            Source {
                text: lines.collect(),
                ..source
            }
        });
        let config = load(&sources, "2026-11-22T00:00:00Z".parse().unwrap());
        let config = config.unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
        assert_eq!(config.policy.tenant.owner(), "partner-access");
        assert_eq!(config.desired.groups.len(), 2);
        assert_eq!(config.policy.requirements.sponsors, 1);
        let declared = Policy::default();
        assert_eq!(
            format!("{:?}", config.policy.lifecycle.expired),
            format!("{:?}", declared.lifecycle.expired)
        );
    }

    #[test]
    fn what_was_given_cannot_become_anything_else() {
        for tenant in [
            "a: b",
            "x\n# y: z",
            "{}",
            "yes",
            "1e3",
            "\"",
            "- x",
            "\u{2028}a",
        ] {
            let config = loaded(tenant, Some("o"), "UTC").unwrap();
            assert_eq!(config.policy.tenant.id, tenant);
        }
        for (owner, zone) in [
            (Some("two words"), "UTC"),
            (Some("o\nscope: {undeclared: delete}"), "UTC"),
            (Some("o"), "Mars/Base"),
            (Some("o"), "UTC\nlimits: {}"),
            (None, "UTC"),
        ] {
            assert!(
                loaded("x.example", owner, zone).is_err(),
                "{owner:?} {zone}"
            );
        }
    }
}
