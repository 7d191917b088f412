//! Queries over HTTP, and waiting until they can answer all that was sent.

use serde_json::{Value, json};

use crate::{Server, until};

impl Server {
    /// Asks, and returns `data`.
    ///
    /// # Panics
    /// When there are errors.
    pub async fn graphql(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.answer(query, variables).await;
        assert!(answer.get("errors").is_none(), "{query}\n{answer:#}");
        answer["data"].take()
    }

    /// Asks, and returns the code of the only error.
    ///
    /// # Panics
    /// When there is no error, or more than one.
    pub async fn error_code(&self, query: &str, variables: Value) -> String {
        let answer = self.answer(query, variables).await;
        let code = match answer["errors"].as_array().map(Vec::as_slice) {
            Some([error]) => error["extensions"]["code"].as_str(),
            _ => None,
        };
        let code = code.unwrap_or_else(|| panic!("not one error with a code: {query}\n{answer:#}"));
        code.to_owned()
    }

    /// Asks, and returns the whole answer.
    pub async fn answer(&self, query: &str, variables: Value) -> Value {
        self.answered(None, query, variables).await
    }

    /// Asks with a token, and returns the whole answer.
    pub async fn answer_to(&self, token: &str, query: &str, variables: Value) -> Value {
        self.answered(Some(token), query, variables).await
    }

    async fn answered(&self, token: Option<&str>, query: &str, variables: Value) -> Value {
        self.installation.private().add_value(&variables);
        self.installation.private().add_document(query);
        let mut request = self
            .client
            .post(self.url("/graphql"))
            .header("accept", "application/graphql-response+json")
            .json(&json!({ "query": query, "variables": variables }));
        if let Some(token) = token {
            self.installation.private().add_secret(token);
            request = request.bearer_auth(token);
        }
        let response = request.send().await.expect("an answer");
        let text = response.text().await.expect("a body");
        let answer: Value =
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {query}\n{text}"));
        let errors = answer["errors"].as_array().into_iter().flatten();
        errors.for_each(check_words);
        answer
    }

    /// Exchanges a token for a ticket.
    pub async fn ticket(&self, token: &str) -> String {
        let exchange = self.client.post(self.url("/graphql/ticket"));
        let answer = exchange.bearer_auth(token).send().await.expect("an answer");
        let told: Value = answer.json().await.expect("JSON");
        let ticket = told["ticket"].as_str();
        let ticket = ticket.unwrap_or_else(|| panic!("no ticket: {told}"));
        self.installation.private().add_secret(ticket);
        ticket.to_owned()
    }

    /// How many events are in the log.
    pub async fn head(&self) -> i64 {
        let data = self.graphql("{ status { head } }", json!({})).await;
        number(&data["status"]["head"])
    }

    /// Waits until queries can answer all that is in the log.
    pub async fn settled(&self) {
        until("every event is projected", async || {
            let query = "{ status { head projected lag } }";
            let status = &self.graphql(query, json!({})).await["status"];
            let [head, projected, lag] =
                ["head", "projected", "lag"].map(|field| number(&status[field]));
            (lag == 0 && projected == head).then_some(())
        })
        .await;
    }
}

/// An error's message that is longer than this repeats what was sent.
const MESSAGE: usize = 1_100;

/// An error is short, and tells nothing of what is behind the API: no database's words, no path, nothing of the program.
///
/// # Panics
/// When it does.
pub fn check_words(error: &Value) {
    let message = error["message"].as_str().expect("a message");
    assert!(
        message.len() < MESSAGE,
        "{} bytes: {message}",
        message.len()
    );
    let lower = message.to_lowercase();
    for word in [
        "sqlite",
        "sqlx",
        "sea_orm",
        "postgres",
        "relation \"",
        "no such",
        "constraint",
        "syntax error",
        "hookgraph_",
        ".rs",
        ".db",
        "/src",
        "/tmp",
        "panicked",
    ] {
        assert!(!lower.contains(word), "{word:?} in an error: {message}");
    }
}

/// A position or another whole number, which may come as a text.
///
/// # Panics
/// When it is neither.
pub fn number(value: &Value) -> i64 {
    let number = value
        .as_i64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    number.unwrap_or_else(|| panic!("not a whole number: {value}"))
}
