//! Where in a tree the walk stands, without allocating until a fault is reported.

/// A step from a parent; the chain lives on the stack of the walk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Member(&'a str),
    Item(usize),
}

impl<'a> Place<'a> {
    /// The root: the name of a resource type.
    pub(super) const fn root(name: &'a str) -> Self {
        Self {
            parent: None,
            step: Step::Member(name),
        }
    }

    /// An element of what stands here.
    pub(super) const fn member(&'a self, name: &'a str) -> Self {
        Self {
            parent: Some(self),
            step: Step::Member(name),
        }
    }

    /// An item of the list that stands here.
    pub(super) const fn item(&'a self, n: usize) -> Self {
        Self {
            parent: Some(self),
            step: Step::Item(n),
        }
    }

    /// The path, such as `Patient.name[0].given[1]`.
    pub(super) fn path(&self) -> String {
        let mut path = self.parent.map(Self::path).unwrap_or_default();
        match self.step {
            Step::Member(name) => {
                if self.parent.is_some() {
                    path.push('.');
                }
                path.push_str(name);
            }
            Step::Item(n) => path.push_str(&format!("[{n}]")),
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_path_is_a_simple_fhirpath() {
        let root = Place::root("Patient");
        let name = root.member("name");
        let first = name.item(0);
        let given = first.member("given");
        assert_eq!(given.item(1).path(), "Patient.name[0].given[1]");
    }
}
