//! Whether a query is valid, how deep it nests and what it costs: decided before any of it runs.
//!
//! async-graphql reckons cost and depth while it validates, and tells them to extensions alone. An extension slows every field
//! that is resolved, so it belongs to a schema of its own, the judge's, which validates and never resolves; the schema that
//! resolves then need not validate in full again.
//!
//! Invariant: what passes is valid by all of the specification's rules, within both limits, and its cost is known.

use std::sync::{Arc, OnceLock};

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextValidation};
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{
    EmptyMutation, ErrorExtensionValues, Request, Response, Schema, ServerError, ValidationResult,
    Value, Variables, value,
};
use futures_util::FutureExt;

use super::builder;
use super::query::QueryRoot;
use super::subscription::SubscriptionRoot;

/// The code of a query that asks for too much.
const COST_LIMIT: &str = "COST_LIMIT";

/// What a query may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryLimits {
    /// How deep its fields may nest. Introspection, as playgrounds send it, takes 15.
    pub depth: usize,
    /// How many fields it may ask for, each counted as often as its page is long.
    pub cost: usize,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self {
            depth: 20,
            cost: 200_000,
        }
    }
}

/// What a query costs, and what it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    cost: usize,
    limit: usize,
}

impl Cost {
    /// What it costs.
    pub fn cost(self) -> usize {
        self.cost
    }

    /// The same response, which also tells the cost.
    pub fn told(self, response: Response) -> Response {
        let Self { cost, limit } = self;
        response.extension("cost", value!({ "cost": cost, "limit": limit }))
    }
}

/// Validates documents and reckons what they cost. Cheap to clone.
#[derive(Clone)]
pub struct Judge {
    schema: Schema<QueryRoot, EmptyMutation, SubscriptionRoot>,
    limits: QueryLimits,
}

impl Judge {
    /// A judge who keeps `limits`.
    pub fn new(limits: QueryLimits) -> Self {
        Self {
            schema: builder().extension(Witness).finish(),
            limits,
        }
    }

    /// Judges one operation of a document.
    ///
    /// # Errors
    /// What is wrong with it: request errors, of which those about the limits have a code.
    pub fn check(
        &self,
        document: ExecutableDocument,
        operation: Option<&str>,
        variables: Variables,
    ) -> Result<Cost, Vec<ServerError>> {
        let seen = Seen::default();
        let mut request = Request::new("")
            .variables(variables)
            .data(Arc::clone(&seen));
        request.operation_name = operation.map(str::to_owned);
        request.set_parsed_query(document);
        // Validation waits for nothing.
        let response = self.schema.execute(request).now_or_never();
        let Some(found) = seen.get() else {
            return Err(response.unwrap_or_default().errors);
        };
        let QueryLimits { depth, cost } = self.limits;
        if found.depth > depth {
            return Err(vec![over(
                format!(
                    "The query nests too deep, {} levels where {depth} are allowed: ask for what is below in a query of its own.",
                    found.depth
                ),
                &[("depth", found.depth), ("limit", depth)],
            )]);
        }
        if found.complexity > cost {
            return Err(vec![over(
                format!(
                    "The query asks for too much at once, its cost is {} where {cost} is allowed: ask for smaller pages (`first`), or for fewer lists below each other.",
                    found.complexity
                ),
                &[("cost", found.complexity), ("limit", cost)],
            )]);
        }
        Ok(Cost {
            cost: found.complexity,
            limit: cost,
        })
    }
}

fn over(message: String, figures: &[(&str, usize)]) -> ServerError {
    let mut error = ServerError::new(message, None);
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", COST_LIMIT);
    for &(name, figure) in figures {
        extensions.set(name, Value::from(figure));
    }
    error.extensions = Some(extensions);
    error
}

/// What validation found, if the document is valid.
type Seen = Arc<OnceLock<ValidationResult>>;

/// Takes down what validation finds, and ends the request there.
struct Witness;

impl ExtensionFactory for Witness {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for Witness {
    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let found = next.run(ctx).await?;
        if let Some(seen) = ctx.data_opt::<Seen>() {
            let _ = seen.set(found);
        }
        Err(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn judged(query: &str, variables: Value) -> Result<usize, String> {
        let judge = Judge::new(QueryLimits {
            depth: 6,
            cost: 1_000,
        });
        let document = parse_query(query).unwrap();
        judge
            .check(document, None, Variables::from_value(variables))
            .map(|cost| cost.cost)
            .map_err(|errors| errors[0].message.clone())
    }

    #[test]
    fn each_field_counts_as_often_as_its_page_is_long() {
        for (query, cost) in [
            // What a type is called is known without looking.
            ("{ __typename }", 0),
            ("{ status { head lag } }", 3),
            ("{ status { head } status { head } }", 4),
            ("{ ...s } fragment s on Query { status { head } }", 2),
        ] {
            assert_eq!(judged(query, Value::Null), Ok(cost), "{query}");
        }
        let page = "query ($n: Int) { calls(first: $n) { nodes { id } } }";
        let of = |n| judged(page, value!({ "n": n })).unwrap();
        assert_eq!(of(30) - of(20), of(20) - of(10));
        assert!(of(30) > of(20));
        // A page has twenty rows when nothing is said.
        assert_eq!(judged(page, Value::Null), Ok(of(20)));
    }

    #[test]
    fn what_is_over_a_limit_is_told_by_how_much() {
        let message = judged(
            "{ orgs(first: 100) { nodes { users(first: 100) { nodes { id } } } } }",
            Value::Null,
        );
        let message = message.unwrap_err();
        assert!(message.contains("where 1000 is allowed"), "{message}");
        let deep = "{ call(id: 1) { transcript { call { transcript { call { transcript { call { id } } } } } } } }";
        let message = judged(deep, Value::Null).unwrap_err();
        assert!(
            message.contains("8 levels where 6 are allowed"),
            "{message}"
        );
        let document = parse_query(deep).unwrap();
        let errors = Judge::new(QueryLimits::default())
            .check(document.clone(), None, Variables::default())
            .map(|_| ());
        assert!(errors.is_ok(), "{errors:?}");
        let errors = Judge::new(QueryLimits { depth: 7, cost: 9 })
            .check(document, None, Variables::default())
            .unwrap_err();
        let extensions = errors[0].extensions.as_ref().unwrap();
        assert_eq!(extensions.get("code"), Some(&Value::from(COST_LIMIT)));
        assert_eq!(extensions.get("depth"), Some(&Value::from(8)));
    }

    #[test]
    fn an_invalid_query_has_the_errors_of_validation() {
        for (query, reason) in [
            ("{ nothing }", "nothing"),
            ("{ call(id: []) { id } }", "id"),
            ("query ($x: Int) { __typename }", "x"),
            ("subscription { nothing }", "nothing"),
        ] {
            let message = judged(query, Value::Null).unwrap_err();
            assert!(message.contains(reason), "{query}: {message}");
        }
    }
}
