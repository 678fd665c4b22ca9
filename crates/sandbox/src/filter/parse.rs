//! Reads `$filter` text. Keywords and functions in any case, as Graph takes them; strings with
//! doubled quotes; at most fifteen alternatives.

use super::tokens::{Token, invalid, tokens};
use super::{Comparison, Filter, Literal, Path, TextTest};
use crate::error::GraphError;
use crate::time;

/// Graph's own limits: on alternatives, and one of ours on nesting.
const MAX_ALTERNATIVES: usize = 15;
const MAX_DEPTH: usize = 40;

/// Parses a filter, or says what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Filter, GraphError> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
    };
    let filter = parser.either()?;
    if parser.at < parser.tokens.len() {
        return Err(invalid("Syntax error: there is text after the expression."));
    }
    Ok(filter)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned()
    }

    fn keyword(&mut self, word: &str) -> bool {
        let found =
            matches!(self.peek(), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word));
        if found {
            self.at += 1;
        }
        found
    }

    fn expect(&mut self, wanted: Token) -> Result<(), GraphError> {
        match self.next() {
            Some(found) if found == wanted => Ok(()),
            _ => Err(invalid(
                "Syntax error: a bracket, comma or colon is missing.",
            )),
        }
    }

    fn either(&mut self) -> Result<Filter, GraphError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(invalid("The expression is nested too deeply."));
        }
        let mut parts = vec![self.both()?];
        while self.keyword("or") {
            parts.push(self.both()?);
        }
        self.depth -= 1;
        // Brackets around some of them do not make them fewer.
        let found: usize = parts.iter().map(alternatives).sum();
        if found > MAX_ALTERNATIVES {
            return Err(too_many(found));
        }
        Ok(joined(parts, Filter::Or))
    }

    fn both(&mut self) -> Result<Filter, GraphError> {
        let mut parts = vec![self.unary()?];
        while self.keyword("and") {
            parts.push(self.unary()?);
        }
        Ok(joined(parts, Filter::And))
    }

    fn unary(&mut self) -> Result<Filter, GraphError> {
        if self.keyword("not") {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err(invalid("The expression is nested too deeply."));
            }
            let inner = self.unary()?;
            self.depth -= 1;
            return Ok(Filter::Not(Box::new(inner)));
        }
        match self.next() {
            Some(Token::Open) => {
                let inner = self.either()?;
                self.expect(Token::Close)?;
                Ok(inner)
            }
            Some(Token::Word(word)) => self.term(&word),
            _ => Err(invalid("Syntax error: a property or function is missing.")),
        }
    }

    /// A function call, a lambda, or a comparison.
    fn term(&mut self, word: &str) -> Result<Filter, GraphError> {
        if self.peek() == Some(&Token::Open) {
            self.at += 1;
            return match word.rsplit_once('/') {
                Some((path, lambda)) => self.lambda(path, lambda),
                None => self.function(word),
            };
        }
        if let Some(collection) = word.strip_suffix("/$count") {
            let comparison = self.comparison()?;
            return match self.literal()? {
                Literal::Number(number) => Ok(Filter::Count(path(collection), comparison, number)),
                _ => Err(invalid("$count is compared with a number.")),
            };
        }
        if self.keyword("in") {
            return Ok(Filter::In(path(word), self.list()?));
        }
        let comparison = self.comparison()?;
        Ok(Filter::Compare(path(word), comparison, self.literal()?))
    }

    fn function(&mut self, name: &str) -> Result<Filter, GraphError> {
        let test = match name.to_ascii_lowercase().as_str() {
            "startswith" => TextTest::StartsWith,
            "endswith" => TextTest::EndsWith,
            "contains" => TextTest::Contains,
            _ => {
                return Err(invalid(&format!(
                    "An unknown function with name '{name}' was found."
                )));
            }
        };
        let Some(Token::Word(property)) = self.next() else {
            return Err(invalid(
                "The first argument of a text function is a property.",
            ));
        };
        self.expect(Token::Comma)?;
        let Literal::Text(text) = self.literal()? else {
            return Err(invalid(
                "The second argument of a text function is a string.",
            ));
        };
        self.expect(Token::Close)?;
        Ok(Filter::Text(test, path(&property), text))
    }

    fn lambda(&mut self, collection: &str, kind: &str) -> Result<Filter, GraphError> {
        if !kind.eq_ignore_ascii_case("any") {
            return Err(GraphError::unsupported_query(format!(
                "The lambda operator '{kind}' is not supported."
            )));
        }
        let Some(Token::Word(variable)) = self.next() else {
            return Err(invalid("A lambda expression needs a variable."));
        };
        self.expect(Token::Colon)?;
        let body = self.either()?;
        self.expect(Token::Close)?;
        Ok(Filter::Any(path(collection), variable, Box::new(body)))
    }

    fn comparison(&mut self) -> Result<Comparison, GraphError> {
        use Comparison::{Eq, Ge, Gt, Le, Lt, Ne};
        for comparison in [Eq, Ne, Ge, Le, Gt, Lt] {
            if self.keyword(comparison.name()) {
                return Ok(comparison);
            }
        }
        Err(invalid(
            "Syntax error: an operator is missing or not known.",
        ))
    }

    fn list(&mut self) -> Result<Vec<Literal>, GraphError> {
        self.expect(Token::Open)?;
        let mut values = vec![self.literal()?];
        while self.peek() == Some(&Token::Comma) {
            self.at += 1;
            values.push(self.literal()?);
        }
        self.expect(Token::Close)?;
        if values.len() > MAX_ALTERNATIVES {
            return Err(too_many(values.len()));
        }
        Ok(values)
    }

    fn literal(&mut self) -> Result<Literal, GraphError> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Literal::Text(text)),
            Some(Token::Word(word)) => constant(&word),
            _ => Err(invalid("Syntax error: a value is missing.")),
        }
    }
}

fn constant(word: &str) -> Result<Literal, GraphError> {
    match word {
        "null" => return Ok(Literal::Null),
        "true" => return Ok(Literal::Bool(true)),
        "false" => return Ok(Literal::Bool(false)),
        _ => {}
    }
    if let Ok(number) = word.parse() {
        return Ok(Literal::Number(number));
    }
    time::parse(word).map(Literal::Time).ok_or_else(|| {
        invalid(&format!(
            "'{word}' is not a value; strings stand in single quotes."
        ))
    })
}

fn path(text: &str) -> Path {
    text.split('/').map(str::to_owned).collect()
}

fn joined(mut parts: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Filter {
    match parts.len() {
        1 => parts.remove(0),
        _ => join(parts),
    }
}

fn alternatives(filter: &Filter) -> usize {
    match filter {
        Filter::Or(parts) => parts.iter().map(alternatives).sum(),
        _ => 1,
    }
}

fn too_many(found: usize) -> GraphError {
    GraphError::unsupported_query(format!(
        "Too many child clauses specified in search filter expression containing 'OR' operators: {found}. Max allowed: {MAX_ALTERNATIVES}."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eq(property: &str, text: &str) -> Filter {
        Filter::Compare(path(property), Comparison::Eq, Literal::Text(text.into()))
    }

    #[test]
    fn and_binds_tighter_than_or_and_brackets_win() {
        let (a, b, c) = (eq("a", "1"), eq("b", "2"), eq("c", "3"));
        assert_eq!(
            parse("a eq '1' or b eq '2' and c eq '3'").unwrap(),
            Filter::Or(vec![a.clone(), Filter::And(vec![b.clone(), c.clone()])])
        );
        assert_eq!(
            parse("(a eq '1' OR b eq '2') AND c eq '3'").unwrap(),
            Filter::And(vec![Filter::Or(vec![a.clone(), b]), c])
        );
        assert_eq!(parse("NOT(a eq '1')").unwrap(), Filter::Not(Box::new(a)));
    }

    #[test]
    fn strings_double_their_quotes() {
        assert_eq!(
            parse("mail eq 'o''neil@x.example'").unwrap(),
            eq("mail", "o'neil@x.example")
        );
        assert_eq!(parse("mail eq ''").unwrap(), eq("mail", ""));
        assert!(parse("mail eq 'x").is_err());
        assert!(parse("mail eq 'a' b'").is_err());
    }

    #[test]
    fn lambdas_functions_lists_and_instants() {
        assert_eq!(
            parse("otherMails/any(x:startswith(x,'a'))").unwrap(),
            Filter::Any(
                path("otherMails"),
                "x".into(),
                Box::new(Filter::Text(TextTest::StartsWith, path("x"), "a".into()))
            )
        );
        assert!(
            matches!(parse("id in ('a', 'b')").unwrap(), Filter::In(_, values) if values.len() == 2)
        );
        assert!(matches!(
            parse("createdDateTime ge 2026-11-01T00:00:00Z").unwrap(),
            Filter::Compare(_, Comparison::Ge, Literal::Time(_))
        ));
        assert!(matches!(
            parse("assignedLicenses/$count eq 0").unwrap(),
            Filter::Count(_, Comparison::Eq, 0)
        ));
        assert!(matches!(
            parse("city eq null").unwrap(),
            Filter::Compare(_, _, Literal::Null)
        ));
    }

    #[test]
    fn fifteen_alternatives_and_not_one_more() {
        let some = |count: usize| vec!["id eq 'x'"; count].join(" or ");
        assert!(parse(&some(15)).is_ok());
        assert!(parse(&format!("({}) or ({})", some(8), some(8))).is_err());
        let error = parse(&some(16)).unwrap_err();
        assert_eq!(
            (error.status, error.code),
            (400, "Request_UnsupportedQuery")
        );
    }

    #[test]
    fn nonsense_is_refused_and_deep_nesting_does_not_overflow() {
        for text in [
            "",
            "mail",
            "mail eq",
            "mail eq 'a' and",
            "mail eq a",
            "mail is 'a'",
            "(mail eq 'a'",
            "x/all(y:y eq 'a')",
            "mail eq \"a\"",
        ] {
            assert_eq!(parse(text).unwrap_err().status, 400, "{text}");
        }
        let deep = format!("{}a eq 'b'{}", "(".repeat(50_000), ")".repeat(50_000));
        assert!(parse(&deep).is_err());
        assert!(parse(&"not ".repeat(50_000)).is_err());
    }
}
