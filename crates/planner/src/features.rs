//! What each feature needs: permissions of the application, and licences of the tenant; and which
//! features the files use.

use crate::kinds::assignment::{Held, Sort, directory_role};
use crate::kinds::group::seen::role_assignable;
use crate::kinds::tenant_policy::Section;
use crate::load::Config;
use crate::policy::{Left, Orphaned, Reach};
use crate::request::Read;
use crate::snapshot::{conditional_access, governed};

/// Something that the program does, and what it takes.
#[derive(Clone, Debug)]
pub struct Feature {
    /// What it is, for people.
    pub name: &'static str,
    /// The least application permissions that it needs, all of them.
    pub permissions: &'static [&'static str],
    /// What is lost without it.
    pub without: &'static str,
    /// Whether it writes.
    pub writes: bool,
    /// Whether these files use it.
    pub used: bool,
    /// A read that only succeeds where it is ready.
    pub probe: Option<Read>,
}

/// Nobody has this id.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// Returns every feature. Sources of the permissions: the permission tables of Graph's API pages.
pub fn features(config: &Config) -> Vec<Feature> {
    let nobody = |list: &str, permission: &'static str| {
        let path = format!("/{list}?$filter=id%20eq%20%27{NOBODY}%27&$select=id");
        Read::list(path, permission).optional()
    };
    let guests = || config.desired.guests.values();
    let groups = || config.desired.groups.values();
    let lifecycle = &config.policy.lifecycle;
    let ladders = [lifecycle.expired, lifecycle.undeclared];
    let scope = &config.policy.scope;
    let reaches = scope.undeclared != Reach::Report
        || scope.domains.values().any(|reach| *reach != Reach::Report);
    let disables = ladders.iter().any(|ladder| ladder.disable.is_some())
        || reaches
        || lifecycle.orphaned == Orphaned::Disable;
    let deletes =
        ladders.iter().any(|ladder| ladder.delete.is_some()) || lifecycle.pending.delete.is_some();
    // Nothing is taken while it is not known who holds which role, by groups, too.
    let reads_groups = groups().len() > 0 || disables || deletes;
    let read = |name, permissions, without, used, probe| Feature {
        name,
        permissions,
        without,
        writes: false,
        used,
        probe,
    };
    let write = |name, permissions, without, used| Feature {
        name,
        permissions,
        without,
        writes: true,
        used,
        probe: None,
    };
    let organization = "/organization?$select=id,displayName";
    let mut features = vec![
        read(
            "guests, deleted guests, sponsors",
            &["User.Read.All"],
            "nothing can be planned",
            true,
            Some(nobody("users", "User.Read.All")),
        ),
        read(
            "the tenant's name and domains",
            &["Organization.Read.All"],
            "nothing can be planned",
            true,
            Some(Read::list(organization, "Organization.Read.All").optional()),
        ),
        read(
            "groups, and which of them carry roles",
            &["Group.Read.All"],
            "nothing can be planned that concerns groups, and nobody is disabled, stripped or deleted",
            reads_groups,
            Some(role_assignable()),
        ),
        read(
            "members and owners of groups",
            &["GroupMember.Read.All"],
            "nothing can be planned that concerns groups",
            groups().len() > 0,
            None,
        ),
        read(
            "directory roles",
            &["RoleManagement.Read.Directory"],
            "nobody is disabled, stripped or deleted",
            disables || deletes,
            Some(directory_role::assignments()),
        ),
        read(
            "which groups conditional access excludes",
            &["Policy.Read.All"],
            "guests may come into such a group unnoticed",
            !config.policy.requirements.excluded.is_empty(),
            Some(conditional_access()),
        ),
        read(
            "whom entitlement management governs",
            &["EntitlementManagement.Read.All"],
            "guests that it would delete are taken on with a warning only",
            false,
            Some(governed()),
        ),
        read(
            "who invited whom, for `import --inviters`",
            &["AuditLog.Read.All"],
            "inviters are not proposed as sponsors",
            false,
            None,
        ),
        write(
            "invite, remind, ask for consent again",
            &["User.Invite.All", "User.ReadWrite.All"],
            "nobody is invited",
            guests().len() > 0,
        ),
        write(
            "send mail from mailboxes of the tenant",
            &["Mail.Send"],
            "whoever is invited that way is owed the welcome, and sponsors are not told; a role of Exchange \
             instead of the permission does not show in the token",
            guests().any(|guest| guest.invitation.is_ours())
                || config.policy.mails.expiring.from.is_some(),
        ),
        write(
            "profile, stamp, sponsors, disable, enable",
            &["User.ReadWrite.All"],
            "nobody is taken on, changed or disabled",
            true,
        ),
        write(
            "end sessions",
            &["User.RevokeSessions.All"],
            "whoever is disabled stays signed in until tokens expire",
            disables || guests().any(|guest| guest.blocked == Some(true)),
        ),
        write(
            "delete, restore",
            &["User.DeleteRestore.All"],
            "accounts are never deleted, and nobody is brought back",
            deletes || lifecycle.left == Left::Rejoin,
        ),
        write(
            "memberships",
            &["GroupMember.ReadWrite.All"],
            "nobody joins or leaves a group",
            groups().len() > 0,
        ),
        write(
            "create groups",
            &["Group.Create"],
            "groups that do not exist are not created",
            groups().any(|group| group.id.is_none()),
        ),
        write(
            "change groups and their owners",
            &["Group.ReadWrite.All"],
            "groups stay as they are",
            groups().any(|group| {
                group.description.is_some() || group.owners.is_some() || group.rule.is_some()
            }),
        ),
    ];
    let uses = config.desired.uses();
    for sort in Sort::ALL {
        let rules = sort.rules();
        let asks = !rules.reads(&config.policy, &Held::default()).is_empty();
        // Who has power is read anyway, and stands above.
        if !rules.is_power() {
            let probe = None;
            features.push(read(
                rules.of_guests(),
                rules.reading(),
                NEITHER,
                asks,
                probe,
            ));
        }
        let is_used = uses.contains(sort);
        features.push(write(rules.of_guests(), rules.writing(), NEITHER, is_used));
    }
    for section in Section::ALL {
        let (terms, used) = (
            section.terms(),
            config.desired.policies.contains_key(section),
        );
        let probe = terms.reads().into_iter().next();
        features.push(read(terms.noun(), terms.reading(), UNREAD, used, probe));
        features.push(write(terms.noun(), terms.writing(), UNREAD, used));
    }
    features
}

/// What is lost without the permissions for a policy of the tenant.
const UNREAD: &str = "it stays as it is";

/// What is lost without the permissions for something that guests hold.
const NEITHER: &str = "none of them is given or taken";

/// Returns whether a token with some permissions may do what one permission allows. Wider ones
/// include narrower ones. Source: "Microsoft Graph permissions reference".
pub fn grants(granted: &[String], needed: &str) -> bool {
    let has = |name: &str| granted.iter().any(|granted| granted == name);
    let wider: &[&str] = match needed {
        "User.Read.All" => &[
            "User.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
        "Organization.Read.All" => &[
            "Organization.ReadWrite.All",
            "User.Read.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
        "Group.Read.All" => &[
            "Group.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
        "GroupMember.Read.All" => &[
            "GroupMember.ReadWrite.All",
            "Group.Read.All",
            "Group.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
        "RoleManagement.Read.Directory" => &[
            "RoleManagement.ReadWrite.Directory",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
        "Application.Read.All" => &[
            "Application.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
        "LicenseAssignment.Read.All" => &[
            "LicenseAssignment.ReadWrite.All",
            "Organization.Read.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
        "AdministrativeUnit.Read.All" => &[
            "AdministrativeUnit.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
        "AuditLog.Read.All" => &["Directory.Read.All"],
        "EntitlementManagement.Read.All" => &["EntitlementManagement.ReadWrite.All"],
        "User.Invite.All" | "User.RevokeSessions.All" => {
            &["User.ReadWrite.All", "Directory.ReadWrite.All"]
        }
        "User.DeleteRestore.All" => &["User.ReadWrite.All"],
        "GroupMember.ReadWrite.All" | "Group.Create" => {
            &["Group.ReadWrite.All", "Directory.ReadWrite.All"]
        }
        "Group.ReadWrite.All" => &["Directory.ReadWrite.All"],
        _ => &[],
    };
    has(needed) || wider.iter().any(|name| has(name))
}
