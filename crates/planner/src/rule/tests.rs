//! Which rules are read, what is said of the others, and a table of rules and people.

use serde_json::{Value, json};

use super::{Person, Truth, parse};
use crate::kinds::guest::user::User;

fn person(more: Value) -> User {
    let mut item = json!({
        "id": "00000000-0000-0000-0000-00000000000a", "userType": "Guest", "accountEnabled": true,
        "userPrincipalName": "ada_contoso.example#EXT#@fabrikam.example",
        "mail": "ada@contoso.example", "displayName": "Ada", "companyName": "Contoso",
    });
    let (Some(item_map), Value::Object(more)) = (item.as_object_mut(), more) else {
        panic!("not an object");
    };
    item_map.extend(more);
    User::decode(&item).unwrap()
}

#[test]
fn rules_and_people() {
    use Truth::{No, Unknown, Yes};
    let ada = person(json!({}));
    let bob = person(json!({
        "userType": "Member", "companyName": null, "department": "Sales \"North\"", "city": "Lagos",
        "accountEnabled": false, "onPremisesSyncEnabled": true, "mobilePhone": "1",
        "onPremisesExtensionAttributes": {"extensionAttribute1": "It's", "extensionAttribute2": "\"Sales\"", "extensionAttribute15": "guestlist owner=x"},
    }));
    let new = Person::invited();
    for (rule, expected) in [
        // Each comparison, with case, with null, and with its opposite.
        (r#"user.userType -eq "Guest""#, [Yes, No, Yes]),
        (r#"user.userType -eq "guest""#, [Yes, No, Yes]),
        (r#"user.userType -ne "Guest""#, [No, Yes, No]),
        (r#"user.companyName -eq "contoso""#, [Yes, No, No]),
        (r#"user.companyName -ne "Contoso""#, [No, Yes, Yes]),
        ("user.companyName -eq null", [No, Yes, Yes]),
        ("user.companyName -ne $null", [Yes, No, No]),
        (r#"user.companyName -eq "null""#, [No, No, No]),
        (r#"user.mail -startsWith "ADA@""#, [Yes, Yes, Unknown]),
        (r#"user.companyName -notStartsWith "con""#, [No, Yes, Yes]),
        (
            r#"user.mail -EndsWith "@contoso.example""#,
            [Yes, Yes, Unknown],
        ),
        (
            r#"user.mail -notEndsWith "@contoso.example""#,
            [No, No, Unknown],
        ),
        (r#"user.companyName -contains "tos""#, [Yes, No, No]),
        (r#"user.companyName -notContains "tos""#, [No, Yes, Yes]),
        (r#"user.city -match "ago""#, [No, Yes, No]),
        (r#"user.city -match "^L.*s$""#, [No, Yes, No]),
        (r#"user.city -notMatch "^ago""#, [Yes, Yes, Yes]),
        (r#"user.city -match ".*""#, [Unknown, Yes, Unknown]),
        (r#"user.city -match "(?<!x)ago""#, [Unknown; 3]),
        (r#"user.city -match "[A-Z-[B]]""#, [Unknown; 3]),
        (r#"user.city -in ["Oslo", "LAGOS"]"#, [No, Yes, No]),
        (r#"user.city -notIn ['Oslo','Lagos']"#, [Yes, No, Yes]),
        // Flags.
        ("user.accountEnabled -eq true", [Yes, No, Yes]),
        ("user.accountEnabled -ne true", [No, Yes, No]),
        ("user.dirSyncEnabled -eq true", [No, Yes, No]),
        ("user.dirSyncEnabled -eq false", [Unknown, No, Unknown]),
        // Names that differ from Graph's, extension attributes, quotes.
        (r#"user.mobile -eq "1""#, [No, Yes, No]),
        (
            r#"user.extensionAttribute15 -startsWith "guestlist""#,
            [No, Yes, No],
        ),
        (r#"user.extensionAttribute1 -eq 'it''s'"#, [No, Yes, No]),
        (r#"user.department -eq "sales `"North`"""#, [No, Yes, No]),
        (r#"user.extensionAttribute2 -eq `"Sales`""#, [No, Yes, No]),
        // Precedence: -not before -and before -or; hyphens are optional.
        (
            r#"user.city -eq "Oslo" -or user.userType -eq "Guest" -and user.companyName -eq "Contoso""#,
            [Yes, No, No],
        ),
        (
            r#"(user.city -eq "Oslo" or user.userType eq "Guest") and not user.companyName -eq "Contoso""#,
            [No, No, Yes],
        ),
        (
            r#"-not (user.userType -eq "Guest" -and user.city -eq null)"#,
            [No, Yes, No],
        ),
        ("user.objectId -ne null", [Yes; 3]),
        (
            r#"(user.objectId -ne null) -and (user.userType -eq "Member")"#,
            [No, Yes, No],
        ),
        // What is not known decides only where nothing else does.
        (r#"user.sipProxyAddress -eq "x""#, [Unknown; 3]),
        (
            r#"user.sipProxyAddress -eq "x" -and user.userType -eq "Guest""#,
            [Unknown, No, Unknown],
        ),
        (
            r#"user.sipProxyAddress -eq "x" -or user.userType -eq "Guest""#,
            [Yes, Unknown, Yes],
        ),
        (r#"user.otherMails -any (_ -startsWith "a")"#, [Unknown; 3]),
        (r#"user.proxyAddresses -notEndsWith "@x""#, [Unknown; 3]),
        (
            r#"user.assignedPlans -any (assignedPlan.service -eq "SCO" -and assignedPlan.capabilityStatus -eq "Enabled")"#,
            [Unknown; 3],
        ),
        (
            "user.assignedPlans -all (assignedPlan.servicePlanId -eq null)",
            [Unknown; 3],
        ),
        (
            "user.memberOf -any (group.objectId -in ['x'])",
            [Unknown; 3],
        ),
        (
            r#"Direct Reports for "00000000-0000-0000-0000-00000000000b""#,
            [Unknown; 3],
        ),
        (
            r#"user.extension_c272a57b722d4eb29bfe327874ae79cb_OfficeNumber -eq "123""#,
            [Unknown; 3],
        ),
        (
            "user.employeeHireDate -ge system.now -plus p1d",
            [Unknown; 3],
        ),
        (
            "user.employeeHireDate -le 2020-06-10T18:13:20Z",
            [Unknown; 3],
        ),
        (
            r#"user.employeehiredate -eq "2020-06-10T18:13:20Z" -minus P30D"#,
            [Unknown; 3],
        ),
        // No user is a device.
        (r#"device.deviceOSType -eq "iPad""#, [No; 3]),
        (
            r#"device.devicePhysicalIds -any _ -startsWith "[ZTDId]""#,
            [No; 3],
        ),
    ] {
        let read = parse(rule).unwrap_or_else(|mistake| panic!("{rule}: {mistake:?}"));
        let people = [Person::seen(&ada), Person::seen(&bob), new.clone()];
        let found = people.map(|person| read.takes(&person));
        assert_eq!(found, expected, "{rule}");
    }
}

#[test]
fn what_entra_would_refuse_is_refused_with_its_place() {
    let said = [
        "",
        "   ",
        "user.usertype -eq \"Guest\"",
        "user.externalUserState -eq \"Accepted\"",
        "user.extensionAttribute16 -eq \"x\"",
        "user.extensionAttribute01 -eq \"x\"",
        "user.ExtensionAttribute5 -eq \"x\"",
        "user.officeLocation -eq \"x\"",
        "mail -eq \"x\"",
        "user.mail",
        "user.mail -eq",
        "user.mail -equals \"x\"",
        "user.mail -not null",
        "user.mail -eq Sales",
        "user.mail -eq [\"x\"]",
        "user.mail -in \"x\"",
        "user.mail -in []",
        "user.mail -in [\"x\", null]",
        "user.mail -contains null",
        "user.accountEnabled -eq \"true\"",
        "user.accountEnabled -contains \"true\"",
        "user.displayName -ge \"A\"",
        "user.mail ----eq \"x\"",
        "user.employeeHireDate -ge banana",
        "user.employeeHireDate -ge \"soon\"",
        "user.employeeHireDate -ge system.now -plus pxyz",
        "user.employeeHireDate -startsWith \"2020\"",
        "user.mail –eq \"x\"",
        "user.mail -eq “x”",
        "user.mail -eq \"x",
        "(user.mail -eq \"x\"",
        "user.mail -eq \"x\")",
        "user.mail -eq \"x\" user.city -eq \"y\"",
        "user.mail -eq \"x\" -and",
        "user.mail = \"x\"",
        "user.assignedPlans -eq \"x\"",
        "user.otherMails -any (user.mail -eq \"x\")",
        "user.memberOf -any (group.displayName -eq \"x\")",
        "user.mail -eq \"x\" and device.deviceModel -eq \"y\"",
        "Direct Reports for \"grace\"",
        "Direct Reports for \"00000000-0000-0000-0000-00000000000b\" and user.mail -eq \"x\"",
    ]
    .map(|rule| {
        let mistake = parse(rule).expect_err(rule);
        let hint = mistake
            .hint
            .map(|hint| format!(" ({hint})"))
            .unwrap_or_default();
        format!("{rule}\n{}^ {}{hint}", " ".repeat(mistake.at), mistake.text)
    });
    insta::assert_snapshot!(said.join("\n\n"), @r#"

    ^ the rule is empty

       
    ^ the rule is empty

    user.usertype -eq "Guest"
    ^ rules know no property `user.usertype` (did you mean `userType`?)

    user.externalUserState -eq "Accepted"
    ^ rules know no property `user.externalUserState` (known are `accountEnabled`, `dirSyncEnabled`, `employeeHireDate`, `city`, `country`, `companyName`, `department`, `displayName`, `employeeId`, `facsimileTelephoneNumber`, `givenName`, `jobTitle` and 23 more)

    user.extensionAttribute16 -eq "x"
    ^ rules know no property `user.extensionAttribute16` (known are `accountEnabled`, `dirSyncEnabled`, `employeeHireDate`, `city`, `country`, `companyName`, `department`, `displayName`, `employeeId`, `facsimileTelephoneNumber`, `givenName`, `jobTitle` and 23 more)

    user.extensionAttribute01 -eq "x"
    ^ rules know no property `user.extensionAttribute01` (known are `accountEnabled`, `dirSyncEnabled`, `employeeHireDate`, `city`, `country`, `companyName`, `department`, `displayName`, `employeeId`, `facsimileTelephoneNumber`, `givenName`, `jobTitle` and 23 more)

    user.ExtensionAttribute5 -eq "x"
    ^ rules know no property `user.ExtensionAttribute5` (did you mean `extensionAttribute5`?)

    user.officeLocation -eq "x"
    ^ rules know no property `user.officeLocation` (rules call it `physicalDeliveryOfficeName`)

    mail -eq "x"
    ^ `mail` is no property of a user (a condition begins with a property, such as user.department)

    user.mail
             ^ expected an operator, such as -eq

    user.mail -eq
                 ^ expected a value

    user.mail -equals "x"
              ^ `-equals` is no operator (did you mean `eq`?)

    user.mail -not null
              ^ `-not` is no operator (write -ne)

    user.mail -eq Sales
                  ^ a text stands in quotes (write "…" around it)

    user.mail -eq ["x"]
                  ^ only -in and -notIn take a list

    user.mail -in "x"
                  ^ expected a list, such as ["Sales", "Marketing"]

    user.mail -in []
                   ^ expected a value

    user.mail -in ["x", null]
                        ^ null goes with -eq and -ne only

    user.mail -contains null
                        ^ null goes with -eq and -ne only

    user.accountEnabled -eq "true"
                            ^ this property is true or false, without quotes

    user.accountEnabled -contains "true"
                        ^ -contains does not go with this property

    user.displayName -ge "A"
                     ^ -ge does not go with this property

    user.mail ----eq "x"
              ^ `----eq` is no operator (did you mean `eq`?)

    user.employeeHireDate -ge banana
                              ^ this is no instant (write system.now, or an instant such as 2026-01-31T00:00:00Z)

    user.employeeHireDate -ge "soon"
                              ^ this is no instant (write system.now, or an instant such as 2026-01-31T00:00:00Z)

    user.employeeHireDate -ge system.now -plus pxyz
                                               ^ expected a span of time, such as p1d

    user.employeeHireDate -startsWith "2020"
                          ^ -startsWith does not go with this property

    user.mail –eq "x"
              ^ a rule has no '–' outside of quotes (an operator begins with a plain hyphen: -eq)

    user.mail -eq “x”
                  ^ a rule has no '“' outside of quotes (write plain quotes: "…")

    user.mail -eq "x
                  ^ the quote that begins here does not end

    (user.mail -eq "x"
                      ^ expected `)` here

    user.mail -eq "x")
                     ^ this `)` closes nothing

    user.mail -eq "x" user.city -eq "y"
                      ^ the rule should end here (conditions are joined by -and or -or)

    user.mail -eq "x" -and
                          ^ a condition is missing at the end

    user.mail = "x"
              ^ a rule has no '=' outside of quotes (write -eq)

    user.assignedPlans -eq "x"
                       ^ expected -any or -all after `user.assignedPlans`

    user.otherMails -any (user.mail -eq "x")
                          ^ `user.mail` is no item here (write _)

    user.memberOf -any (group.displayName -eq "x")
                        ^ `group.displayName` is no item here (write group.objectId)

    user.mail -eq "x" and device.deviceModel -eq "y"
                          ^ one rule cannot ask about users and about devices

    Direct Reports for "grace"
                       ^ a manager is named by id

    Direct Reports for "00000000-0000-0000-0000-00000000000b" and user.mail -eq "x"
                                                              ^ `Direct Reports for` stands alone
    "#);
    assert!(parse(&"(".repeat(3000)).is_err());
    assert!(parse(&"-not ".repeat(600)).is_err());
}

#[test]
fn what_is_slow_or_takes_in_everybody_is_said() {
    let cautions = |rule: &str| parse(rule).unwrap().cautions();
    assert_eq!(
        cautions(r#"user.userType -eq "Guest" -and user.city -eq "Oslo""#),
        [""; 0]
    );
    assert_eq!(
        cautions("user.objectId -ne null"),
        ["takes in all users, and guests are users"]
    );
    assert_eq!(
        cautions(r#"user.userType -eq "Guest""#),
        ["takes in every guest of the tenant"]
    );
    assert_eq!(cautions(r#"user.userType -eq "Member""#), [""; 0]);
    assert_eq!(
        cautions(
            r#"user.city -match "a" or user.mail -notContains "x" or user.memberOf -any (group.objectId -in ['x'])"#
        ),
        [
            "uses -match, which is slow: -eq or -startsWith is better",
            "uses -contains, which is slow: -eq or -startsWith is better",
            "uses memberOf, which is a preview with limits of its own",
        ]
    );
    assert_eq!(
        cautions(r#"user.city -match "[a-z-[aeiou]]""#)[1..],
        ["matches an expression that is not understood here: whom it takes in cannot be told"]
    );
}

#[test]
fn what_is_missing_for_an_answer_is_named() {
    let rule = parse(
        r#"user.userType -eq "Guest" and (user.memberOf -any (group.objectId -in ["x"]) or user.city -eq "Oslo" or user.sipProxyAddress -eq "y")"#,
    );
    let lacks = |user: &User| rule.clone().unwrap().lacks(&Person::seen(user)).join(", ");
    assert_eq!(lacks(&person(json!({}))), "memberOf, sipProxyAddress");
    assert_eq!(lacks(&person(json!({"city": "Oslo"}))), "");
}

#[test]
fn what_is_not_kept_of_a_rule_is_never_the_same() {
    let same = super::means_the_same;
    assert!(same(r#"user.city -eq "Oslo""#, r#"(user.city  eq "Oslo")"#));
    for (one, other) in [
        (r#"Direct Reports for "a""#, r#"Direct Reports for "b""#),
        (
            r#"user.otherMails -any (_ -endsWith "x")"#,
            r#"user.otherMails -all (_ -endsWith "x")"#,
        ),
        (
            "user.employeeHireDate -ge system.now -plus p1d",
            "user.employeeHireDate -ge system.now -minus p9d",
        ),
    ] {
        assert!(!same(one, other), "{one} and {other}");
    }
}

#[test]
fn letters_are_compared_without_case_wherever_they_stand() {
    let rule = parse(r#"user.city -startsWith "ΟΔΟΣ""#).unwrap();
    let user = person(json!({"city": "οδοσα"}));
    assert_eq!(rule.takes(&Person::seen(&user)), Truth::Yes);
}

#[test]
fn who_is_a_member_of_a_group_is_known_of_the_groups_that_are_known() {
    let rule = |rule: &str| parse(rule).unwrap();
    let ada = person(json!({}));
    let member = |is_member| Person::seen(&ada).member("G1", is_member);
    let one = rule(r#"user.memberOf -any (group.objectId -in ["g1"])"#);
    assert_eq!(one.takes(&member(true)), Truth::Yes);
    assert_eq!(one.takes(&member(false)), Truth::No);
    let two = rule(r#"user.memberOf -any (group.objectId -in ["g1", "g2"])"#);
    assert_eq!(two.takes(&member(true)), Truth::Yes);
    assert_eq!(two.takes(&member(false)), Truth::Unknown);
    let all = rule(r#"user.memberOf -all (group.objectId -in ["g1"])"#);
    assert_eq!(all.takes(&member(true)), Truth::Unknown);
}

#[test]
fn that_the_opposite_holds_for_what_is_empty_can_be_doubted() {
    let ada = person(json!({}));
    for (rule, doubted) in [
        (r#"user.city -ne "Oslo""#, Truth::Unknown),
        (r#"user.city -notIn ["Oslo"]"#, Truth::Unknown),
        ("user.city -ne null", Truth::No),
        (r#"user.city -eq "Oslo""#, Truth::No),
        (r#"user.companyName -ne "Oslo""#, Truth::Yes),
    ] {
        let found = parse(rule).unwrap().takes(&Person::seen(&ada).doubted());
        assert_eq!(found, doubted, "{rule}");
    }
}
