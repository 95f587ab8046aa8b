//! Addresses as logs may show them.

/// `u***@e***.org` for `user@example.org`: enough to recognise, too little to write to.
pub fn mask(address: &str) -> String {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return "***".to_owned();
    };
    let head = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    match domain.rsplit_once('.') {
        Some((name, top)) => format!("{}***@{}***.{top}", head(local), head(name)),
        None => format!("{}***@{}***", head(local), head(domain)),
    }
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn only_first_letters_and_the_top_domain_are_left() {
        assert_eq!(mask("user@example.org"), "u***@e***.org");
        assert_eq!(mask("anne.durand@chu.grenoble.fr"), "a***@c***.fr");
        assert_eq!(mask("root@localhost"), "r***@l***");
        assert_eq!(mask("émile@exemple.fr"), "é***@e***.fr");
        assert_eq!(mask("@"), "***@***");
        assert_eq!(mask("Durand"), "***");
    }
}
