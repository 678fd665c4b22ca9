//! Reads the text of a rule, and says what Entra would refuse about it and where.

use super::ask::folded;
use super::operators::{OPERATORS, Written, is_operator, operator};
use super::property::{self, Holds, PLAN};
use super::words::{Kind, Word, words};
use super::{Operator, Pattern, Rule, Test, Value};
use crate::kinds::group::written::is_guid;
use crate::yaml::suggestion;

/// How deep brackets may stand in each other.
const DEEPEST: usize = 50;

/// What Entra would refuse about a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// At which character of the rule, from 0.
    pub at: usize,
    /// What is wrong.
    pub text: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Mistake {
    pub(super) fn new(at: usize, text: impl Into<String>) -> Self {
        Self {
            at,
            text: text.into(),
            hint: None,
        }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

/// Reads a rule.
pub fn parse(text: &str) -> Result<Rule, Mistake> {
    let mut parser = Parser {
        words: words(text)?,
        end: text.chars().count(),
        next: 0,
        depth: 0,
        of: None,
        about: None,
    };
    if parser.words.is_empty() {
        return Err(Mistake::new(0, "the rule is empty"));
    }
    let rule = match parser.direct_reports()? {
        Some(rule) => rule,
        None => parser.or()?,
    };
    match parser.peek() {
        None if parser.about == Some(About::Devices) => Ok(Rule::Device(Box::new(rule))),
        None => Ok(rule),
        Some(Kind::Mark(')')) => Err(parser.wrong("this `)` closes nothing")),
        Some(_) => Err(parser
            .wrong("the rule should end here")
            .hint("conditions are joined by -and or -or")),
    }
}

/// Whom a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    Users,
    Devices,
}

struct Parser {
    words: Vec<Word>,
    /// How many characters the rule has.
    end: usize,
    next: usize,
    depth: usize,
    /// What the items hold that the current condition is about.
    of: Option<Holds>,
    about: Option<About>,
}

impl Parser {
    fn peek(&self) -> Option<&Kind> {
        self.words.get(self.next).map(|word| &word.kind)
    }

    /// Returns a mistake at the next word.
    fn wrong(&self, text: impl Into<String>) -> Mistake {
        let at = self.words.get(self.next).map_or(self.end, |word| word.at);
        Mistake::new(at, text)
    }

    /// Returns a mistake at the word before the next.
    fn wrong_before(&self, text: impl Into<String>) -> Mistake {
        let word = self.next.checked_sub(1).and_then(|at| self.words.get(at));
        Mistake::new(word.map_or(0, |word| word.at), text)
    }

    fn mark(&mut self, mark: char) -> bool {
        let found = self.peek() == Some(&Kind::Mark(mark));
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, mark: char) -> Result<(), Mistake> {
        if self.mark(mark) {
            return Ok(());
        }
        Err(self.wrong(format!("expected `{mark}` here")))
    }

    /// Takes an operator, written with its hyphen or without, in any case.
    fn operator(&mut self, name: &str) -> bool {
        let found = matches!(self.peek(), Some(Kind::Bare(word)) if is_operator(word, name));
        self.next += usize::from(found);
        found
    }

    fn bare(&mut self) -> Option<String> {
        let Some(Kind::Bare(word)) = self.peek() else {
            return None;
        };
        let word = word.clone();
        self.next += 1;
        Some(word)
    }

    /// Reads `Direct Reports for "id"`, which stands alone.
    fn direct_reports(&mut self) -> Result<Option<Rule>, Mistake> {
        let begins = ["Direct", "Reports", "for"];
        let says = |(word, expected): (&Word, &str)| matches!(&word.kind, Kind::Bare(text) if text.eq_ignore_ascii_case(expected));
        if self.words.len() < 3 || !self.words.iter().zip(begins).all(says) {
            return Ok(None);
        }
        self.next = 3;
        let Some(Kind::Text(manager)) = self.peek() else {
            return Err(self.wrong("expected the manager's id in quotes"));
        };
        if !is_guid(manager.trim_matches(['{', '}'])) {
            return Err(self.wrong("a manager is named by id"));
        }
        self.next += 1;
        match self.peek() {
            None => Ok(Some(Rule::DirectReports)),
            Some(_) => Err(self.wrong("`Direct Reports for` stands alone")),
        }
    }

    fn or(&mut self) -> Result<Rule, Mistake> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong("brackets stand too deep in each other"));
        }
        let mut parts = vec![self.and()?];
        while self.operator("or") {
            parts.push(self.and()?);
        }
        self.depth -= 1;
        Ok(one_or(parts, Rule::Or))
    }

    fn and(&mut self) -> Result<Rule, Mistake> {
        let mut parts = vec![self.not()?];
        while self.operator("and") {
            parts.push(self.not()?);
        }
        Ok(one_or(parts, Rule::And))
    }

    fn not(&mut self) -> Result<Rule, Mistake> {
        let mut negations = 0;
        while self.operator("not") {
            negations += 1;
        }
        let part = if self.mark('(') {
            let part = self.or()?;
            self.expect(')')?;
            part
        } else {
            self.condition()?
        };
        Ok(match negations % 2 {
            0 => part,
            _ => Rule::Not(Box::new(part)),
        })
    }

    fn condition(&mut self) -> Result<Rule, Mistake> {
        let Some(subject) = self.bare() else {
            let text = match self.peek() {
                None => "a condition is missing at the end",
                Some(_) => "expected a condition, such as user.department -eq \"Sales\"",
            };
            return Err(self.wrong(text));
        };
        if let Some(holds) = self.of {
            return self.of_an_item(&subject, holds);
        }
        if let Some(name) = subject.strip_prefix("device.") {
            return self.of_a_device(name);
        }
        let Some(name) = subject.strip_prefix("user.") else {
            let hint = "a condition begins with a property, such as user.department";
            let text = format!("`{subject}` is no property of a user");
            return Err(self.wrong_before(text).hint(hint));
        };
        self.only(About::Users)?;
        let Some(holds) = property::of_a_user(name) else {
            let text = format!("rules know no property `user.{name}`");
            return Err(self.wrong_before(text).hint(property::instead_of(name)));
        };
        match holds {
            Holds::Flag | Holds::Text | Holds::Instant => {
                Ok(Rule::Is(name.to_owned(), self.test(holds)?))
            }
            Holds::Texts | Holds::Plans | Holds::Groups => self.collection(name, holds),
        }
    }

    /// Rules are about users or about devices.
    fn only(&mut self, about: About) -> Result<(), Mistake> {
        if *self.about.get_or_insert(about) == about {
            return Ok(());
        }
        Err(self.wrong_before("one rule cannot ask about users and about devices"))
    }

    /// Reads a condition about devices by its form only.
    fn of_a_device(&mut self, name: &str) -> Result<Rule, Mistake> {
        self.only(About::Devices)?;
        if self.operator("any") || self.operator("all") {
            self.of = Some(if name == "memberOf" {
                Holds::Groups
            } else {
                Holds::Texts
            });
            let part = self.not();
            self.of = None;
            return part;
        }
        let holds = match name {
            "accountEnabled" | "isRooted" => Holds::Flag,
            _ => Holds::Text,
        };
        Ok(Rule::Is(name.to_owned(), self.test(holds)?))
    }

    /// Reads what is asked of a collection: `-any (_ -startsWith "smtp:")`.
    fn collection(&mut self, name: &str, holds: Holds) -> Result<Rule, Mistake> {
        let is_any = self.operator("any");
        if !(is_any || self.operator("all")) {
            if holds != Holds::Texts {
                return Err(self.wrong(format!("expected -any or -all after `user.{name}`")));
            }
            let part = Rule::Is("_".to_owned(), self.test(holds)?);
            return Ok(Rule::Items(name.to_owned(), Box::new(part)));
        }
        self.of = Some(holds);
        let part = self.not();
        self.of = None;
        Ok(match part? {
            Rule::Is(_, test) if holds == Holds::Groups && is_any && test.is_one_of() => {
                let texts = test.values.into_iter().filter_map(Value::text);
                Rule::MemberOf(texts.collect())
            }
            part => Rule::Items(name.to_owned(), Box::new(part)),
        })
    }

    /// Reads what is asked of one item of a collection.
    fn of_an_item(&mut self, subject: &str, holds: Holds) -> Result<Rule, Mistake> {
        let plan = subject.strip_prefix("assignedPlan.");
        let field = match holds {
            Holds::Plans => plan.filter(|field| PLAN.contains(field)),
            Holds::Groups => (subject == "group.objectId").then_some("objectId"),
            _ => (subject == "_").then_some("_"),
        };
        let Some(field) = field else {
            let expected = match holds {
                Holds::Plans => "assignedPlan.servicePlanId, .service or .capabilityStatus",
                Holds::Groups => "group.objectId",
                _ => "_",
            };
            let text = format!("`{subject}` is no item here");
            return Err(self.wrong_before(text).hint(format!("write {expected}")));
        };
        Ok(Rule::Is(field.to_owned(), self.test(Holds::Text)?))
    }

    /// Reads an operator and what follows.
    fn test(&mut self, holds: Holds) -> Result<Test, Mistake> {
        let Some(word) = self.bare() else {
            return Err(self.wrong("expected an operator, such as -eq"));
        };
        let Some(written) = operator(&word) else {
            let name = word.trim_start_matches('-');
            let hint = match name.to_ascii_lowercase().as_str() {
                "not" => "write -ne".to_owned(),
                _ => suggestion(name, OPERATORS.iter().map(|known| known.name)),
            };
            let text = format!("`{word}` is no operator");
            return Err(self.wrong_before(text).hint(hint));
        };
        let fits = match written.operator {
            Operator::Equals => true,
            Operator::Order => holds == Holds::Instant,
            _ => matches!(holds, Holds::Text | Holds::Texts),
        };
        if !fits {
            let text = format!("-{} does not go with this property", written.name);
            return Err(self.wrong_before(text));
        }
        let values = if written.list {
            self.list(written, holds)?
        } else {
            vec![self.value(written, holds)?]
        };
        Ok(Test {
            operator: written.operator,
            values,
            negated: written.negated,
        })
    }

    fn list(&mut self, written: Written, holds: Holds) -> Result<Vec<Value>, Mistake> {
        if !self.mark('[') {
            return Err(self.wrong("expected a list, such as [\"Sales\", \"Marketing\"]"));
        }
        let mut values = vec![self.value(written, holds)?];
        while self.mark(',') {
            values.push(self.value(written, holds)?);
        }
        self.expect(']')?;
        Ok(values)
    }

    fn value(&mut self, written: Written, holds: Holds) -> Result<Value, Mistake> {
        let takes_null = written.operator == Operator::Equals && !written.list;
        let value = match self.peek() {
            Some(Kind::Bare(word)) if is_null(word) && takes_null => Value::Null,
            Some(Kind::Bare(word)) if is_null(word) => {
                return Err(self.wrong("null goes with -eq and -ne only"));
            }
            Some(Kind::Mark('[')) => {
                return Err(self.wrong("only -in and -notIn take a list"));
            }
            Some(Kind::Bare(word) | Kind::Text(word)) if holds == Holds::Instant => {
                if !is_instant(word) {
                    let hint = "write system.now, or an instant such as 2026-01-31T00:00:00Z";
                    return Err(self.wrong("this is no instant").hint(hint));
                }
                self.next += 1;
                self.shift()?;
                return Ok(Value::Instant);
            }
            Some(Kind::Bare(word)) if holds == Holds::Flag => {
                let flag = word.to_ascii_lowercase().parse().map(Value::Flag);
                flag.map_err(|_| self.wrong(NO_FLAG))?
            }
            Some(_) if holds == Holds::Flag => return Err(self.wrong(NO_FLAG)),
            Some(Kind::Text(text)) if written.operator == Operator::Match => {
                Value::Pattern(Pattern::new(text))
            }
            Some(Kind::Text(text)) => Value::Text(folded(text)),
            Some(Kind::Bare(_)) => {
                let hint = "write \"…\" around it";
                return Err(self.wrong("a text stands in quotes").hint(hint));
            }
            _ => return Err(self.wrong("expected a value")),
        };
        self.next += 1;
        Ok(value)
    }

    /// Reads what may follow an instant: `-plus p1d`.
    fn shift(&mut self) -> Result<(), Mistake> {
        if !(self.operator("plus") || self.operator("minus")) {
            return Ok(());
        }
        let span = self.bare().unwrap_or_default();
        if span.starts_with(['p', 'P']) && span.parse::<jiff::Span>().is_ok() {
            return Ok(());
        }
        Err(self.wrong_before("expected a span of time, such as p1d"))
    }
}

/// `$null` is what older pages write.
fn is_null(word: &str) -> bool {
    ["null", "$null"]
        .iter()
        .any(|null| word.eq_ignore_ascii_case(null))
}

fn is_instant(word: &str) -> bool {
    word.eq_ignore_ascii_case("system.now")
        || word.parse::<jiff::Timestamp>().is_ok()
        || word.parse::<jiff::civil::DateTime>().is_ok()
}

const NO_FLAG: &str = "this property is true or false, without quotes";

fn one_or(mut parts: Vec<Rule>, several: fn(Vec<Rule>) -> Rule) -> Rule {
    match parts.pop() {
        Some(one) if parts.is_empty() => one,
        last => {
            parts.extend(last);
            several(parts)
        }
    }
}
