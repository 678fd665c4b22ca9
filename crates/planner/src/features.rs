//! What each feature needs: permissions of the application, and licences of the tenant; and which
//! features the files use.

use crate::kinds::assignment::{Held, Sort, directory_role};
use crate::kinds::group::seen::role_assignable;
use crate::kinds::group::written::Declared;
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

/// What the files use.
struct Uses {
    guests: bool,
    groups: bool,
    /// Whether somebody may be disabled by a rule.
    disables: bool,
    /// Whether somebody is blocked by hand.
    blocks: bool,
    deletes: bool,
    restores: bool,
    mails: bool,
    excluded: bool,
    creates_groups: bool,
    changes_groups: bool,
}

impl Uses {
    fn of(config: &Config) -> Self {
        let (desired, policy) = (&config.desired, &config.policy);
        let (mut guests, mut groups) = (desired.guests.values(), desired.groups.values());
        let (lifecycle, scope) = (&policy.lifecycle, &policy.scope);
        let ladders = [lifecycle.expired, lifecycle.undeclared];
        let mut reaches = scope.domains.values().chain([&scope.undeclared]);
        let is_changed = |group: &Declared| {
            group.description.is_some() || group.owners.is_some() || group.rule.is_some()
        };
        Self {
            guests: !desired.guests.is_empty(),
            groups: !desired.groups.is_empty(),
            disables: ladders.iter().any(|ladder| ladder.disable.is_some())
                || reaches.any(|reach| *reach != Reach::Report)
                || lifecycle.orphaned == Orphaned::Disable,
            blocks: guests.clone().any(|guest| guest.blocked == Some(true)),
            deletes: ladders.iter().any(|ladder| ladder.delete.is_some())
                || lifecycle.pending.delete.is_some(),
            restores: lifecycle.left == Left::Rejoin,
            mails: guests.any(|guest| guest.invitation.is_ours())
                || policy.mails.expiring.from.is_some(),
            excluded: !policy.requirements.excluded.is_empty(),
            creates_groups: groups.clone().any(|group| !group.is_named()),
            changes_groups: groups.any(is_changed),
        }
    }
}

/// Returns every feature. Sources of the permissions: the permission tables of Graph's API pages.
pub fn features(config: &Config) -> Vec<Feature> {
    let uses = Uses::of(config);
    let mut features = reading(&uses);
    features.extend(writing(&uses));
    features.extend(of_sorts(config));
    features.extend(of_policies(config));
    features
}

fn read(
    name: &'static str,
    permissions: &'static [&'static str],
    without: &'static str,
    used: bool,
    probe: Option<Read>,
) -> Feature {
    Feature {
        name,
        permissions,
        without,
        writes: false,
        used,
        probe,
    }
}

fn write(
    name: &'static str,
    permissions: &'static [&'static str],
    without: &'static str,
    used: bool,
) -> Feature {
    Feature {
        writes: true,
        ..read(name, permissions, without, used, None)
    }
}

/// Returns what plans read.
fn reading(uses: &Uses) -> Vec<Feature> {
    let nobody = format!("/users?$filter=id%20eq%20%27{NOBODY}%27&$select=id");
    let organization = "/organization?$select=id,displayName";
    vec![
        read(
            "guests, deleted guests, sponsors",
            &["User.Read.All"],
            "nothing can be planned",
            true,
            Some(Read::list(nobody, "User.Read.All").optional()),
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
            uses.groups || uses.disables || uses.deletes,
            Some(role_assignable()),
        ),
        read(
            "members and owners of groups",
            &["GroupMember.Read.All"],
            "nothing can be planned that concerns groups",
            uses.groups,
            None,
        ),
        read(
            "directory roles",
            &["RoleManagement.Read.Directory"],
            "nobody is disabled, stripped or deleted",
            uses.disables || uses.deletes,
            Some(directory_role::assignments()),
        ),
        read(
            "which groups conditional access excludes",
            &["Policy.Read.All"],
            "guests may come into such a group unnoticed",
            uses.excluded,
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
    ]
}

/// Returns what runs write.
fn writing(uses: &Uses) -> Vec<Feature> {
    vec![
        write(
            "invite, remind, ask for consent again",
            &["User.Invite.All", "User.ReadWrite.All"],
            "nobody is invited",
            uses.guests,
        ),
        write(
            "send mail from mailboxes of the tenant",
            &["Mail.Send"],
            "whoever is invited that way is owed the welcome, and sponsors are not told; a role of Exchange \
             instead of the permission does not show in the token",
            uses.mails,
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
            uses.disables || uses.blocks,
        ),
        write(
            "delete, restore",
            &["User.DeleteRestore.All"],
            "accounts are never deleted, and nobody is brought back",
            uses.deletes || uses.restores,
        ),
        write(
            "memberships",
            &["GroupMember.ReadWrite.All"],
            "nobody joins or leaves a group",
            uses.groups,
        ),
        write(
            "create groups",
            &["Group.Create"],
            "groups that do not exist are not created",
            uses.creates_groups,
        ),
        write(
            "change groups and their owners",
            &["Group.ReadWrite.All"],
            "groups stay as they are",
            uses.changes_groups,
        ),
    ]
}

/// Returns what guests hold besides memberships.
fn of_sorts(config: &Config) -> Vec<Feature> {
    let uses = config.desired.uses();
    let features = Sort::ALL.iter().flat_map(|sort| {
        let rules = sort.rules();
        let asks = !rules.reads(&config.policy, &Held::default()).is_empty();
        // Who has power is read anyway, and stands above.
        let reads = (!rules.is_power())
            .then(|| read(rules.of_guests(), rules.reading(), NEITHER, asks, None));
        let is_used = uses.contains(sort);
        let writes = write(rules.of_guests(), rules.writing(), NEITHER, is_used);
        reads.into_iter().chain([writes])
    });
    features.collect()
}

/// Returns the policies of the tenant.
fn of_policies(config: &Config) -> Vec<Feature> {
    let uses = config.desired.sections();
    let features = Section::ALL.iter().flat_map(|section| {
        let (terms, used) = (section.terms(), uses.contains(section));
        // What is beta is asked only if files say so.
        let asks = used || !terms.is_beta();
        let probe = terms.reads().into_iter().next().filter(|_| asks);
        let writes = write(terms.noun(), terms.writing(), UNREAD, used);
        let writes = Some(writes).filter(|it| !it.permissions.is_empty());
        let reads = read(terms.noun(), terms.reading(), UNREAD, used, probe);
        [reads].into_iter().chain(writes)
    });
    features.collect()
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
        "Directory.Read.All"
        | "GroupSettings.ReadWrite.All"
        | "LicenseAssignment.ReadWrite.All" => &["Directory.ReadWrite.All"],
        "GroupSettings.Read.All" => &[
            "GroupSettings.ReadWrite.All",
            "Group.Read.All",
            "Group.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
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
