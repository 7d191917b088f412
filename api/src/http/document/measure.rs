//! The measures of a parsed document with every fragment written out where it is spread, as validation and execution will meet it.
//!
//! Invariant: each fragment is measured once, and nothing here recurses deeper than the limit on levels, so measuring takes no
//! longer than parsing did, whatever the document would grow to.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Positioned, ServerError,
    parser::types::{Directive, ExecutableDocument, Field, Selection, SelectionSet},
};

use crate::http::{
    EdgeLimits,
    refusal::{Code, error},
};

/// How many elements the lists of introspection have, about, in this schema. They have no pages, and `fields` leads to a type and
/// back to its `fields`: without this a short query would bring the schema many times over.
const LISTS: &[(&str, u64)] = &[
    ("types", 100),
    ("directives", 5),
    ("fields", 8),
    ("inputFields", 4),
    ("enumValues", 4),
    ("args", 2),
    ("interfaces", 1),
    ("possibleTypes", 1),
];

/// The fields by which introspection begins.
const INTROSPECTION: [&str; 2] = ["__schema", "__type"];

/// The directives that decide whether a selection is there, and their argument.
const CONDITIONAL: [&str; 2] = ["skip", "include"];
const CONDITION: &str = "if";

/// Checks a document against the limits.
pub(super) fn check(document: &ExecutableDocument, limits: &EdgeLimits) -> Result<(), ServerError> {
    let mut measuring = Measuring {
        document,
        limits,
        fragments: HashMap::new(),
    };
    let mut all = Measure::default();
    for (_, operation) in document.operations.iter() {
        let operation = &operation.node;
        let own = measuring.directives(&operation.directives)?;
        all.directives = all.directives.saturating_add(own);
        for variable in &operation.variable_definitions {
            let own = measuring.directives(&variable.node.directives)?;
            all.directives = all.directives.saturating_add(own);
        }
        all.add(measuring.set(&operation.selection_set.node, 1)?);
    }
    // Those that nothing spreads are for validation to name, which looks into them for that.
    for name in document.fragments.keys() {
        measuring.fragment(name, 1)?;
    }
    within(
        all.fields,
        limits.fields,
        "fields with its fragments written out",
        "select fewer, or ask in several requests",
    )?;
    let repeated = repeated(document);
    within(
        all.aliases.saturating_add(repeated),
        limits.aliases,
        "aliases and repeated fields with its fragments written out",
        "ask for the others in a request of their own",
    )?;
    within(
        all.directives,
        limits.directives,
        "directives with its fragments written out",
        "put one on a fragment instead of on each of its fields",
    )?;
    within(
        all.introspection,
        limits.introspection,
        "values or so of introspection to bring",
        "ask for one type (`__type`), or for less below each",
    )
}

fn within(found: u64, most: usize, what: &str, advice: &str) -> Result<(), ServerError> {
    if found <= most as u64 {
        return Ok(());
    }
    Err(error(
        Code::CostLimit,
        format!("The document has {found} {what}, and {most} are allowed: {advice}."),
    ))
}

/// How many fields of the root are there again, under a name that another one has. Their selections are merged, as everywhere, but each
/// is answered anew, by statements of its own. The document was found to be small with its fragments written out.
fn repeated(document: &ExecutableDocument) -> u64 {
    let mut repeated = 0;
    for (_, operation) in document.operations.iter() {
        let mut names = HashSet::new();
        let mut sets = vec![&operation.node.selection_set.node];
        while let Some(set) = sets.pop() {
            for selection in &set.items {
                match &selection.node {
                    Selection::Field(field) if field.node.selection_set.node.items.is_empty() => {}
                    Selection::Field(field) => {
                        let is_new = names.insert(&field.node.response_key().node);
                        repeated += u64::from(!is_new);
                    }
                    Selection::InlineFragment(fragment) => {
                        sets.push(&fragment.node.selection_set.node);
                    }
                    Selection::FragmentSpread(spread) => {
                        let name = &spread.node.fragment_name.node;
                        let fragment = document.fragments.get(name);
                        sets.extend(fragment.map(|fragment| &fragment.node.selection_set.node));
                    }
                }
            }
        }
    }
    repeated
}

/// What a selection set amounts to.
#[derive(Clone, Copy, Default)]
struct Measure {
    fields: u64,
    aliases: u64,
    directives: u64,
    /// Values that it would bring below an introspected type.
    values: u64,
    /// Values that introspection brings in it.
    introspection: u64,
    /// Selection sets within each other, this one too.
    levels: usize,
}

impl Measure {
    fn add(&mut self, other: Self) {
        self.fields = self.fields.saturating_add(other.fields);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.directives = self.directives.saturating_add(other.directives);
        self.values = self.values.saturating_add(other.values);
        self.introspection = self.introspection.saturating_add(other.introspection);
        self.levels = self.levels.max(other.levels);
    }
}

struct Measuring<'a> {
    document: &'a ExecutableDocument,
    limits: &'a EdgeLimits,
    /// `None` while it is being measured.
    fragments: HashMap<&'a Name, Option<Measure>>,
}

impl<'a> Measuring<'a> {
    /// Measures a selection set that is the so manieth within others.
    fn set(&mut self, set: &'a SelectionSet, level: usize) -> Result<Measure, ServerError> {
        if level > self.limits.levels {
            return Err(too_deep());
        }
        let mut all = Measure::default();
        for selection in &set.items {
            let directives = self.directives(selection.node.directives())?;
            let mut one = match &selection.node {
                Selection::Field(field) => self.field(&field.node, level)?,
                Selection::InlineFragment(fragment) => {
                    self.set(&fragment.node.selection_set.node, level + 1)?
                }
                Selection::FragmentSpread(spread) => {
                    self.fragment(&spread.node.fragment_name.node, level + 1)?
                }
            };
            one.directives = one.directives.saturating_add(directives);
            all.add(one);
        }
        all.levels += 1;
        Ok(all)
    }

    fn field(&mut self, field: &'a Field, level: usize) -> Result<Measure, ServerError> {
        let mut one = Measure::default();
        if !field.selection_set.node.items.is_empty() {
            one = self.set(&field.selection_set.node, level + 1)?;
        }
        one.fields = one.fields.saturating_add(1);
        one.aliases = one.aliases.saturating_add(u64::from(field.alias.is_some()));
        let name = field.name.node.as_str();
        let list = LISTS.iter().find(|(list, _)| *list == name);
        one.values = one
            .values
            .saturating_add(1)
            .saturating_mul(list.map_or(1, |(_, elements)| *elements));
        if INTROSPECTION.contains(&name) {
            one.introspection = one.introspection.saturating_add(one.values);
        }
        Ok(one)
    }

    fn fragment(&mut self, name: &Name, level: usize) -> Result<Measure, ServerError> {
        // Validation says that there is none.
        let Some((name, fragment)) = self.document.fragments.get_key_value(name) else {
            return Ok(Measure::default());
        };
        match self.fragments.get(name) {
            Some(Some(measure)) if level + measure.levels > self.limits.levels + 1 => {
                return Err(too_deep());
            }
            Some(Some(measure)) => return Ok(*measure),
            Some(None) => {
                let mut circular = error(
                    Code::BadUserInput,
                    format!(
                        "The fragment \"{name}\" spreads itself, directly or by others: take out the spread that leads back."
                    ),
                );
                circular.locations = vec![fragment.pos];
                return Err(circular);
            }
            None => {}
        }
        self.fragments.insert(name, None);
        let directives = self.directives(&fragment.node.directives)?;
        let mut measure = self.set(&fragment.node.selection_set.node, level)?;
        // The spread itself counts, or a chain that ends in nothing would cost nothing.
        measure.fields = measure.fields.saturating_add(1);
        measure.directives = measure.directives.saturating_add(directives);
        self.fragments.insert(name, Some(measure));
        Ok(measure)
    }

    /// How many there are in one place.
    fn directives(&self, directives: &[Positioned<Directive>]) -> Result<u64, ServerError> {
        let most = self.limits.directives_in_place;
        if let Some(one_more) = directives.get(most) {
            let mut many = error(
                Code::BadUserInput,
                format!(
                    "There are {} directives in one place, and {most} are allowed: @skip and @include are there once each at most.",
                    directives.len()
                ),
            );
            many.locations = vec![one_more.pos];
            return Err(many);
        }
        // async-graphql takes them without a condition, or twice, and decides for itself.
        for (at, directive) in directives.iter().enumerate() {
            let name = &directive.node.name.node;
            if !CONDITIONAL.contains(&name.as_str()) {
                continue;
            }
            let told = if directive.node.get_argument(CONDITION).is_none() {
                format!("has no condition: give it one, such as ({CONDITION}: true)")
            } else if directives[..at]
                .iter()
                .any(|one| one.node.name.node == *name)
            {
                "is there twice in one place: keep one of them".to_owned()
            } else {
                continue;
            };
            let mut wrong = error(Code::BadUserInput, format!("The directive @{name} {told}."));
            wrong.locations = vec![directive.pos];
            return Err(wrong);
        }
        Ok(directives.len() as u64)
    }
}

/// The parser has such a limit too, without the fragments.
pub(super) fn too_deep() -> ServerError {
    error(
        Code::CostLimit,
        "The document nests too deep, with its fragments written out: ask for what is below in a query of its own.",
    )
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use async_graphql::parser::parse_query;

    use super::*;
    use crate::http::refusal::code_of;

    fn checked(query: &str) -> Result<(), (String, String)> {
        let document = parse_query(query).expect(query);
        check(&document, &EdgeLimits::default()).map_err(|error| {
            let code = code_of(&error).expect("a code").to_owned();
            (error.message, code)
        })
    }

    fn refused_for(query: &str, reason: &str, code: Code) {
        let (message, found) = checked(query).expect_err(reason);
        assert!(message.contains(reason), "{message}");
        assert_eq!(found, code.as_str(), "{message}");
    }

    /// So many fragments, each of which spreads the next one twice.
    fn doubling(fragments: usize, last: &str) -> String {
        let mut query = String::from("{...f0}");
        for n in 0..fragments {
            write!(query, "fragment f{n} on Q{{...f{} ...f{}}}", n + 1, n + 1).expect("a string");
        }
        write!(query, "fragment f{fragments} on Q{{{last}}}").expect("a string");
        query
    }

    #[test]
    fn what_fragments_grow_to_is_counted() {
        assert_eq!(checked(&doubling(5, "a b: a c @skip(if: true)")), Ok(()));
        refused_for(&doubling(40, "a"), "fields with", Code::CostLimit);
        refused_for(&doubling(7, "a: b"), "has 128 aliases", Code::CostLimit);
        let directive = "a @skip(if: true) @include(if: true)";
        refused_for(
            &doubling(8, directive),
            "has 512 directives",
            Code::CostLimit,
        );
        // A chain whose end is empty grows all the same.
        refused_for(&doubling(20, "...none"), "fields with", Code::CostLimit);
    }

    #[test]
    fn aliases_and_directives_have_their_limits() {
        let fields = |count: usize, field: &dyn Fn(usize) -> String| {
            let fields: Vec<String> = (0..count).map(field).collect();
            format!("{{{}}}", fields.join(" "))
        };
        let aliases = |count| fields(count, &|n| format!("a{n}: a"));
        assert_eq!(checked(&aliases(100)), Ok(()));
        refused_for(&aliases(101), "has 101 aliases", Code::CostLimit);
        let again = |count| fields(count, &|_| "a { b }".to_owned());
        assert_eq!(checked(&again(101)), Ok(()));
        refused_for(&again(102), "has 101 aliases and", Code::CostLimit);
        refused_for(
            &doubling(7, "a { b }"),
            "has 127 aliases and",
            Code::CostLimit,
        );
        refused_for(
            &fields(102, &|_| "... { a { b } ...none }".to_owned()),
            "has 101 aliases and",
            Code::CostLimit,
        );
        assert_eq!(checked(&fields(9_000, &|_| "a".to_owned())), Ok(()));
        let in_place = |count| format!("{{ a {} }}", "@d ".repeat(count));
        assert_eq!(checked(&in_place(10)), Ok(()));
        refused_for(&in_place(11), "11 directives in one", Code::BadUserInput);
        for query in [
            "query Q {at} {a}",
            "query Q($x: Int {at}) {a}",
            "{... {at} {a}}",
            "{...f {at}} fragment f on Q {a}",
            "{...f} fragment f on Q {at} {a}",
            "{a} fragment f on Q {at} {a}",
        ] {
            let many = query.replace("{at}", &"@d ".repeat(11));
            refused_for(&many, "11 directives in one", Code::BadUserInput);
        }
    }

    #[test]
    fn a_condition_is_there_and_once() {
        for query in [
            "{a @skip}",
            "{... @include {a}}",
            "{a @include(unless: true)}",
        ] {
            refused_for(query, "has no condition", Code::BadUserInput);
        }
        let twice = "{a @skip(if: true) @include(if: true) @skip(if: true)}";
        refused_for(twice, "@skip is there twice", Code::BadUserInput);
    }

    #[test]
    fn levels_count_fragments_too() {
        let nested = |levels: usize| format!("{}{}", "{a".repeat(levels), "}".repeat(levels));
        assert_eq!(checked(&nested(64)), Ok(()));
        refused_for(&nested(65), "nests too deep", Code::CostLimit);
        let inline = |levels| format!("{}{{a}}{}", "{...".repeat(levels), "}".repeat(levels));
        assert_eq!(checked(&inline(63)), Ok(()));
        refused_for(&inline(64), "nests too deep", Code::CostLimit);
        let chain = |fragments: usize| {
            let mut query = String::from("{...f0}");
            for n in 0..fragments {
                write!(query, "fragment f{n} on Q{{...f{}}}", n + 1).expect("a string");
            }
            write!(query, "fragment f{fragments} on Q{{a}}").expect("a string");
            query
        };
        assert_eq!(checked(&chain(62)), Ok(()));
        refused_for(&chain(63), "nests too deep", Code::CostLimit);
        // Measured at a place where there is room, and spread again where there is none.
        let spread = |levels: usize| {
            format!(
                "{{...f {}...f{}}} fragment f on Q{{a{{a}}}}",
                "a{".repeat(levels),
                "}".repeat(levels)
            )
        };
        assert_eq!(checked(&spread(61)), Ok(()));
        refused_for(&spread(62), "nests too deep", Code::CostLimit);
    }

    #[test]
    fn a_fragment_that_leads_back_to_itself_is_named() {
        for query in [
            "{...a} fragment a on Q{b ...a}",
            "{...a} fragment a on Q{b{...c}} fragment c on Q{...{...a}}",
            "{x} fragment a on Q{...a}",
        ] {
            refused_for(query, "\"a\" spreads itself", Code::BadUserInput);
        }
        assert_eq!(checked("{...none}"), Ok(()));
    }

    #[test]
    fn introspection_is_for_reading_a_schema_once() {
        let reference = "{kind name ofType{kind name ofType{kind name ofType{kind name ofType{kind name ofType{kind name
            ofType{kind name ofType{kind name ofType{kind name ofType{kind name}}}}}}}}}}";
        let usual = format!(
            "{{__schema{{queryType{{name kind}} mutationType{{name kind}} subscriptionType{{name kind}} types{{...T}}
                directives{{name description isRepeatable locations args(includeDeprecated:true){{...I}}}}}}}}
            fragment T on __Type{{kind name description specifiedByURL isOneOf
                fields(includeDeprecated:true){{name description args(includeDeprecated:true){{...I}} type{reference}
                    isDeprecated deprecationReason}}
                inputFields(includeDeprecated:true){{...I}} interfaces{reference}
                enumValues(includeDeprecated:true){{name description isDeprecated deprecationReason}}
                possibleTypes{reference}}}
            fragment I on __InputValue{{name description type{reference} defaultValue isDeprecated deprecationReason}}"
        );
        assert_eq!(checked(&usual), Ok(()));
        assert_eq!(
            checked("{__type(name: \"Call\"){fields{type{fields{type{fields{name}}}}}}}"),
            Ok(())
        );
        for bomb in [
            format!("{{__schema{{types{{{}name", "fields{type{".repeat(5))
                + &"}}".repeat(5)
                + "}}}",
            format!("{{{}}}", "__schema{types{fields{args{name}}}}".repeat(100)),
            "{...s} fragment s on Query{__schema{types{...t}}}
                fragment t on __Type{fields{type{...u}}} fragment u on __Type{possibleTypes{fields{type{...v}}}}
                fragment v on __Type{fields{args{type{fields{name}}}}}"
                .to_owned(),
        ] {
            refused_for(&bomb, "of introspection", Code::CostLimit);
        }
        // Fields of these names elsewhere are like any other.
        let query = format!("{{{}name{}}}", "types{".repeat(8), "}".repeat(8));
        assert_eq!(checked(&query), Ok(()));
    }
}
