//! Addresses and domains as they are compared: without case, domains as punycode, so that a
//! lookalike in another script is another domain.

/// Returns a domain as Entra compares it: lower case, punycode.
pub fn domain(text: &str) -> String {
    idna::domain_to_ascii(text).unwrap_or_else(|_| text.to_lowercase())
}

/// Returns an address as it is compared: lower case, its domain as punycode.
pub fn normal(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((local, host)) => format!("{}@{}", local.to_lowercase(), domain(host)),
        None => text.to_lowercase(),
    }
}

/// Returns the domain of an address, as Entra compares it.
pub fn domain_of(mail: &str) -> String {
    domain(mail.rsplit_once('@').map_or(mail, |(_, domain)| domain))
}

/// Returns whether a domain is meant by a pattern; `*.example.com` means its subdomains only.
pub fn matches_domain(pattern: &str, found: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => found
            .strip_suffix(&domain(parent))
            .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        None => domain(pattern) == found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_compared_as_punycode_and_a_star_excludes_the_apex() {
        assert!(matches_domain(
            "Contoso.example",
            &domain_of("ada@CONTOSO.example")
        ));
        assert!(matches_domain(
            "müller.example",
            &domain_of("a@xn--mller-kva.example")
        ));
        assert!(
            !matches_domain("contoso.example", &domain_of("ada@cοntoso.example")),
            "a Greek omicron is another domain"
        );
        assert!(matches_domain("*.fabrikam.example", "hr.fabrikam.example"));
        assert!(!matches_domain("*.fabrikam.example", "fabrikam.example"));
        assert!(!matches_domain(
            "*.fabrikam.example",
            "evilfabrikam.example"
        ));
    }
}
