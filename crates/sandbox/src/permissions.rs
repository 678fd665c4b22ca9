//! Which application permissions open which door: of each list, one is enough. They follow
//! permissions.json in microsoftgraph/microsoft-graph-devx-content of 2026-08-07; where that has
//! no line, a comment says what was assumed. Left out are `User.ReadBasic.All`, which shows less
//! than is served here, and the permissions for nesting and for other clouds.

use serde::Deserialize;

pub(crate) const READ_USERS: &[&str] = &[
    "User.Read.All",
    "User.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
pub(crate) const CREATE_USERS: &[&str] = &["User.ReadWrite.All", "Directory.ReadWrite.All"];
/// The finer ones are told apart by the properties in the body.
pub(crate) const UPDATE_USERS: &[&str] = &[
    "User.ReadWrite.All",
    "Directory.ReadWrite.All",
    "User-Mail.ReadWrite.All",
    "User-PasswordProfile.ReadWrite.All",
    "User-Phone.ReadWrite.All",
    "User.EnableDisableAccount.All",
    "User.ManageIdentities.All",
];
pub(crate) const DELETE_USERS: &[&str] = &["User.DeleteRestore.All", "User.ReadWrite.All"];
pub(crate) const REVOKE: &[&str] = &[
    "User.RevokeSessions.All",
    "User.ReadWrite.All",
    "Directory.ReadWrite.All",
];
pub(crate) const READ_SPONSORS: &[&str] = &["User.Read.All", "User.ReadWrite.All"];
pub(crate) const WRITE_SPONSORS: &[&str] = &["User.ReadWrite.All", "Directory.ReadWrite.All"];
pub(crate) const READ_MEMBERSHIPS: &[&str] = &[
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    "Group.ReadBasic.All",
    "GroupMember.ReadBasic.All",
    // Each includes one of the two above.
    "Group.Read.All",
    "GroupMember.Read.All",
];
pub(crate) const READ_TRANSITIVE: &[&str] = &[
    "User.Read.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadBasic.All",
    "GroupMember.Read.All",
    "GroupMember.ReadBasic.All",
];
pub(crate) const INVITE: &[&str] = &[
    "User.Invite.All",
    "User.ReadWrite.All",
    "Directory.ReadWrite.All",
];
/// Not in the source; by the page of the action.
pub(crate) const SEND_MAIL: &[&str] = &["Mail.Send"];
/// Not in the source: reading follows users, purging and restoring follow restore.
pub(crate) const READ_DELETED: &[&str] = READ_USERS;
pub(crate) const READ_DELETED_GROUPS: &[&str] = READ_GROUPS;
pub(crate) const RESTORE: &[&str] = &[
    "User.DeleteRestore.All",
    "User.ReadWrite.All",
    "Group.ReadWrite.All",
];
pub(crate) const READ_GROUPS: &[&str] = &[
    "Group.ReadBasic.All",
    "GroupMember.Read.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
pub(crate) const CREATE_GROUPS: &[&str] = &[
    "Group.Create",
    "Group.ReadWrite.All",
    "Directory.ReadWrite.All",
];
/// Members alone, or creating if missing, take less than the rest.
pub(crate) const UPDATE_GROUPS: &[&str] = &[
    "Group.ReadWrite.All",
    "Directory.ReadWrite.All",
    "GroupMember.ReadWrite.All",
    "Group.Create",
];
pub(crate) const DELETE_GROUPS: &[&str] = &["Group.ReadWrite.All"];
pub(crate) const READ_MEMBERS: &[&str] = &[
    "GroupMember.ReadBasic.All",
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "Group.ReadBasic.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
/// Adding is not in the source and follows removing.
pub(crate) const WRITE_MEMBERS: &[&str] = &[
    "GroupMember.ReadWrite.All",
    "Group.ReadWrite.All",
    "Directory.ReadWrite.All",
];
pub(crate) const READ_OWNERS: &[&str] = &[
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "Directory.Read.All",
];
pub(crate) const WRITE_OWNERS: &[&str] = &["Group.ReadWrite.All", "Directory.ReadWrite.All"];
pub(crate) const READ_ROLES: &[&str] = &[
    "RoleManagement.Read.Directory",
    "RoleManagement.ReadWrite.Directory",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
pub(crate) const WRITE_ROLES: &[&str] = &["RoleManagement.ReadWrite.Directory"];
pub(crate) const READ_ORGANIZATION: &[&str] = &[
    "Organization.Read.All",
    "Organization.ReadWrite.All",
    "User.Read.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
pub(crate) const READ_DOMAINS: &[&str] = &[
    "Domain.Read.All",
    "Domain.ReadWrite.All",
    "Directory.Read.All",
];
pub(crate) const READ_SKUS: &[&str] = &[
    // By the licence pages; the source has the other four.
    "LicenseAssignment.Read.All",
    "Organization.Read.All",
    "Organization.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
/// Any read permission for the objects asked for is believed to be enough.
pub(crate) const READ_OBJECTS: &[&str] = &[
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    "User.Read.All",
    "User.ReadWrite.All",
    "Group.Read.All",
];
pub(crate) const READ_POLICY: &[&str] = &["Policy.Read.All", "Policy.ReadWrite.Authorization"];
pub(crate) const READ_CONDITIONAL_ACCESS: &[&str] =
    &["Policy.Read.All", "Policy.Read.ConditionalAccess"];
pub(crate) const WRITE_CONDITIONAL_ACCESS: &[&str] = &["Policy.ReadWrite.ConditionalAccess"];
pub(crate) const READ_CROSS_TENANT: &[&str] =
    &["Policy.Read.All", "Policy.ReadWrite.CrossTenantAccess"];
pub(crate) const WRITE_CROSS_TENANT: &[&str] = &["Policy.ReadWrite.CrossTenantAccess"];
pub(crate) const READ_PROVIDERS: &[&str] = &[
    "IdentityProvider.Read.All",
    "IdentityProvider.ReadWrite.All",
];
pub(crate) const READ_EXTERNAL_IDENTITIES: &[&str] =
    &["Policy.Read.All", "Policy.ReadWrite.ExternalIdentities"];
pub(crate) const WRITE_EXTERNAL_IDENTITIES: &[&str] = &["Policy.ReadWrite.ExternalIdentities"];
pub(crate) const READ_B2B: &[&str] = &[
    "Policy.Read.B2BManagementPolicy",
    "Policy.ReadWrite.B2BManagementPolicy",
];
pub(crate) const WRITE_B2B: &[&str] = &["Policy.ReadWrite.B2BManagementPolicy"];
/// As of the whole policy, of which this is a part.
pub(crate) const READ_METHODS: &[&str] = &[
    "Policy.Read.AuthenticationMethod",
    "Policy.Read.All",
    "Policy.ReadWrite.AuthenticationMethod",
];
pub(crate) const WRITE_METHODS: &[&str] = &["Policy.ReadWrite.AuthenticationMethod"];
pub(crate) const READ_STRENGTHS: &[&str] = &[
    "Policy.Read.AuthenticationMethod",
    "Policy.Read.All",
    "Policy.ReadWrite.AuthenticationMethod",
    "Policy.ReadWrite.ConditionalAccess",
];
pub(crate) const WRITE_POLICY: &[&str] = &["Policy.ReadWrite.Authorization"];
pub(crate) const READ_AUDITS: &[&str] = &["AuditLog.Read.All", "Directory.Read.All"];
pub(crate) const READ_ENTITLEMENTS: &[&str] = &[
    "EntitlementManagement.Read.All",
    "EntitlementManagement.ReadWrite.All",
];

pub(crate) const READ_UNITS: &[&str] = &[
    "AdministrativeUnit.Read.All",
    "AdministrativeUnit.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
pub(crate) const WRITE_UNITS: &[&str] = &["AdministrativeUnit.ReadWrite.All"];
pub(crate) const READ_APPS: &[&str] = &[
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
pub(crate) const WRITE_APP_ROLES: &[&str] = &["AppRoleAssignment.ReadWrite.All"];
pub(crate) const WRITE_LICENSES: &[&str] = &[
    "LicenseAssignment.ReadWrite.All",
    "User.ReadWrite.All",
    "Directory.ReadWrite.All",
];
pub(crate) const WRITE_GROUP_LICENSES: &[&str] = &[
    "LicenseAssignment.ReadWrite.All",
    "Group.ReadWrite.All",
    "Directory.ReadWrite.All",
];
pub(crate) const READ_GROUP_SETTINGS: &[&str] = &[
    "GroupSettings.Read.All",
    "GroupSettings.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
pub(crate) const WRITE_GROUP_SETTINGS: &[&str] =
    &["GroupSettings.ReadWrite.All", "Directory.ReadWrite.All"];
pub(crate) const READ_DIRECTORY: &[&str] = &["Directory.Read.All", "Directory.ReadWrite.All"];
pub(crate) const WRITE_DIRECTORY: &[&str] = &["Directory.ReadWrite.All"];
pub(crate) const READ_LIFECYCLE_POLICIES: &[&str] = &[
    "LifecyclePolicies-Guests.Read.All",
    "LifecyclePolicies-Guests.ReadWrite.All",
];

/// Returns every application permission that matters for guests.
pub(crate) fn all() -> Vec<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct File {
        app_roles: Vec<String>,
    }
    let file: File = serde_json::from_str(include_str!("../data/app-roles.json"))
        .expect("the embedded list of permissions is valid");
    file.app_roles
}
