//! Reads the text of a membership rule: its words, and what they make together.

use serde_json::Value;

use super::{Operator, Quantifier, Rule, Test};
use crate::error::GraphError;

const BOOLEANS: [&str; 2] = ["accountEnabled", "dirSyncEnabled"];
const COLLECTIONS: [&str; 2] = ["otherMails", "proxyAddresses"];
const STRINGS: [&str; 27] = [
    "city",
    "country",
    "companyName",
    "department",
    "displayName",
    "employeeId",
    "facsimileTelephoneNumber",
    "givenName",
    "jobTitle",
    "mail",
    "mailNickName",
    "mobile",
    "objectId",
    "onPremisesDistinguishedName",
    "onPremisesSecurityIdentifier",
    "passwordPolicies",
    "physicalDeliveryOfficeName",
    "postalCode",
    "preferredLanguage",
    "sipProxyAddress",
    "state",
    "streetAddress",
    "surname",
    "telephoneNumber",
    "usageLocation",
    "userPrincipalName",
    "userType",
];
const MAX_DEPTH: usize = 40;

/// Parses a rule.
pub(crate) fn parse(text: &str) -> Result<Rule, GraphError> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
    };
    let rule = parser.either()?;
    match parser.tokens.get(parser.at) {
        None => Ok(rule),
        Some(_) => Err(invalid()),
    }
}

fn invalid() -> GraphError {
    GraphError::invalid_value("membershipRule", "Group")
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Mark(char),
}

fn tokens(text: &str) -> Result<Vec<Token>, GraphError> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            _ if letter.is_whitespace() => {}
            '(' | ')' | '[' | ']' | ',' => tokens.push(Token::Mark(letter)),
            '"' | '\'' => tokens.push(Token::Text(quoted(&mut letters, letter)?)),
            _ if letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_') => {
                let mut word = String::from(letter);
                while let Some(next) = letters
                    .next_if(|next| next.is_ascii_alphanumeric() || matches!(next, '.' | '_'))
                {
                    word.push(next);
                }
                tokens.push(Token::Word(word));
            }
            _ => return Err(invalid()),
        }
    }
    Ok(tokens)
}

/// Double quotes are escaped with a backtick, single ones are doubled.
fn quoted(
    letters: &mut std::iter::Peekable<std::str::Chars<'_>>,
    quote: char,
) -> Result<String, GraphError> {
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '`' => text.push(letters.next().ok_or_else(invalid)?),
            _ if letter != quote => text.push(letter),
            '\'' if letters.next_if_eq(&'\'').is_some() => text.push('\''),
            _ => return Ok(text),
        }
    }
    Err(invalid())
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn either(&mut self) -> Result<Rule, GraphError> {
        self.deeper()?;
        let mut parts = vec![self.both()?];
        while self.word("or") {
            parts.push(self.both()?);
        }
        self.depth -= 1;
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Rule::Any(parts)
        })
    }

    fn both(&mut self) -> Result<Rule, GraphError> {
        let mut parts = vec![self.unary()?];
        while self.word("and") {
            parts.push(self.unary()?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Rule::All(parts)
        })
    }

    fn unary(&mut self) -> Result<Rule, GraphError> {
        if self.word("not") {
            self.deeper()?;
            let inner = self.unary()?;
            self.depth -= 1;
            return Ok(Rule::Not(Box::new(inner)));
        }
        if self.mark('(') {
            let inner = self.either()?;
            return if self.mark(')') {
                Ok(inner)
            } else {
                Err(invalid())
            };
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Rule, GraphError> {
        let property = match self.next() {
            Some(Token::Word(word)) => word,
            _ => return Err(invalid()),
        };
        let name = known(&property)?;
        if COLLECTIONS.contains(&name.as_str()) {
            return self.items(name);
        }
        let test = self.test()?;
        let boolean = BOOLEANS.contains(&name.as_str());
        if test
            .values
            .iter()
            .any(|value| value.is_boolean() != boolean && !value.is_null())
        {
            return Err(invalid());
        }
        Ok(Rule::Test(name, test))
    }

    /// Reads `-any (_ -startsWith "smtp:")`; without a quantifier a collection has any item.
    fn items(&mut self, name: String) -> Result<Rule, GraphError> {
        let quantifier = if self.word("any") {
            Quantifier::Any
        } else if self.word("all") {
            Quantifier::All
        } else {
            return Ok(Rule::Items(name, Quantifier::Any, self.test()?));
        };
        if !(self.mark('(') && self.word("_")) {
            return Err(invalid());
        }
        let test = self.test()?;
        if self.mark(')') {
            Ok(Rule::Items(name, quantifier, test))
        } else {
            Err(invalid())
        }
    }

    fn test(&mut self) -> Result<Test, GraphError> {
        let word = match self.next() {
            Some(Token::Word(word)) => word.trim_start_matches('-').to_ascii_lowercase(),
            _ => return Err(invalid()),
        };
        let (operator, negated) = match word.as_str() {
            "eq" => (Operator::Equals, false),
            "ne" => (Operator::Equals, true),
            "startswith" => (Operator::StartsWith, false),
            "notstartswith" => (Operator::StartsWith, true),
            "endswith" => (Operator::EndsWith, false),
            "notendswith" => (Operator::EndsWith, true),
            "contains" => (Operator::Contains, false),
            "notcontains" => (Operator::Contains, true),
            "in" => (Operator::In, false),
            "notin" => (Operator::In, true),
            "match" | "notmatch" | "le" | "ge" => return Err(not_evaluated(&word)),
            _ => return Err(invalid()),
        };
        let values = match operator {
            Operator::In => self.list()?,
            _ => vec![self.value()?],
        };
        // Null goes with -eq and -ne only.
        if operator != Operator::Equals && values.iter().any(|value| !value.is_string()) {
            return Err(invalid());
        }
        Ok(Test {
            operator,
            values,
            negated,
        })
    }

    fn list(&mut self) -> Result<Vec<Value>, GraphError> {
        if !self.mark('[') {
            return Err(invalid());
        }
        let mut values = vec![self.value()?];
        while self.mark(',') {
            values.push(self.value()?);
        }
        if self.mark(']') {
            Ok(values)
        } else {
            Err(invalid())
        }
    }

    fn value(&mut self) -> Result<Value, GraphError> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Value::String(text)),
            Some(Token::Word(word)) => match word.to_ascii_lowercase().as_str() {
                "null" => Ok(Value::Null),
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                _ => Err(invalid()),
            },
            _ => Err(invalid()),
        }
    }

    fn deeper(&mut self) -> Result<(), GraphError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            Err(invalid())
        } else {
            Ok(())
        }
    }

    fn next(&mut self) -> Option<Token> {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned()
    }

    fn mark(&mut self, mark: char) -> bool {
        let found = self.tokens.get(self.at) == Some(&Token::Mark(mark));
        self.at += usize::from(found);
        found
    }

    /// Operators may be written with or without their hyphen.
    fn word(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Word(found))
            if found.trim_start_matches('-').eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }
}

/// Property names are case-sensitive, other than everything else in a rule.
fn known(word: &str) -> Result<String, GraphError> {
    let name = match word.strip_prefix("user.") {
        Some(name) => name,
        None if word == "Direct" || word.starts_with("device.") => return Err(not_evaluated(word)),
        None => return Err(invalid()),
    };
    let extension = name
        .strip_prefix("extensionAttribute")
        .and_then(|number| number.parse::<u8>().ok())
        .is_some_and(|number| (1..=15).contains(&number));
    if extension
        || STRINGS.contains(&name)
        || BOOLEANS.contains(&name)
        || COLLECTIONS.contains(&name)
    {
        return Ok(name.to_owned());
    }
    if matches!(name, "memberOf" | "assignedPlans" | "employeeHireDate")
        || name.starts_with("extension_")
    {
        return Err(not_evaluated(name));
    }
    Err(invalid())
}

fn not_evaluated(what: &str) -> GraphError {
    GraphError::not_served(format!(
        "'{what}' in a membership rule is not evaluated by this tenant."
    ))
}
