//! A stack: where the three stores are, each with a name of its own on the servers that tests share.

use crate::{optional_server, server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_postgres::NoTls;

/// Settings of an installation on shared servers.
#[derive(Debug, Clone)]
pub struct Stack {
    /// `TABLE_URL`
    pub table: String,
    /// `BUCKET_URL`
    pub bucket: String,
    /// `QUEUE_URL`
    pub queue: String,
}

/// Sixteen random hex digits.
pub fn fresh() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/uuid").expect("Linux").replace('-', "")[..16].to_owned()
}

/// Where objects are: Ceph, where a machine has it.
pub fn objects() -> String {
    optional_server("DEZKY_TEST_CEPH").unwrap_or_else(|| server("DEZKY_TEST_S3"))
}

fn s3(endpoint: &str, name: &str) -> String {
    format!("s3://stack-{name}/log?endpoint={endpoint}")
}

fn sqs(name: &str) -> String {
    format!("sqs:{}/000000000000/stack-{name}-?region=eu-central-1&wait=0", server("DEZKY_TEST_SQS"))
}

/// Asks for a key, as an administrator would; this server looks at who asks, and not at the signature.
///
/// # Panics
/// It makes none.
pub async fn make_key(server: &str, spec: &str) -> String {
    let address = server.trim_start_matches("http://");
    let body = format!(r#"{{"KeySpec":"{spec}","KeyUsage":"SIGN_VERIFY"}}"#);
    let scope = "Credential=test/20261125/eu-central-1/kms/aws4_request, SignedHeaders=host, Signature=0";
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nX-Amz-Target: TrentService.CreateKey\r\n\
         Content-Type: application/x-amz-json-1.1\r\nAuthorization: AWS4-HMAC-SHA256 {scope}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("the server");
    stream.write_all(request.as_bytes()).await.expect("the server");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the server");
    let id = answer.split(r#""KeyId":"#).nth(1).and_then(|rest| rest.split('"').nth(1));
    id.unwrap_or_else(|| panic!("no key was made: {answer}")).to_owned()
}

impl Stack {
    /// Rows and messages in PostgreSQL, objects in S3.
    pub async fn postgres_s3() -> Self {
        let (name, server) = (fresh(), server("DEZKY_TEST_POSTGRES"));
        let (client, connection) = tokio_postgres::connect(&server, NoTls).await.expect("the server");
        tokio::spawn(connection);
        client.batch_execute(&format!("CREATE DATABASE stack_{name}")).await.expect("a database");
        let (before, after) = server.rsplit_once('/').expect("a URL with a database");
        let rest = after.split_once('?').map_or(String::new(), |(_, rest)| format!("?{rest}"));
        let postgres = format!("{before}/stack_{name}{rest}");
        Self { table: postgres.clone(), bucket: s3(&objects(), &name), queue: postgres }
    }

    /// Rows in DynamoDB, objects in S3, messages in SQS.
    pub fn dynamodb_s3_sqs() -> Self {
        let name = fresh();
        let table = format!("dynamodb://stack-{name}?endpoint={}", server("DEZKY_TEST_DYNAMODB"));
        Self { table, bucket: s3(&server("DEZKY_TEST_S3"), &name), queue: sqs(&name) }
    }

    /// Rows and objects in this S3, messages in SQS: no database.
    pub fn s3_sqs(endpoint: &str) -> Self {
        let name = fresh();
        let table = s3(endpoint, &name).replace("/log?", "/rows?");
        Self { table, bucket: s3(endpoint, &name), queue: sqs(&name) }
    }

    /// Makes the queues so that they hold a delivery for two seconds only: what a killed process had received
    /// comes back soon, and what takes longer is delivered twice; on a busy machine often, which is no poison.
    pub async fn with_short_holds(self) -> Self {
        let settings = ports::QueueSettings { visibility_millis: 2_000, max_deliveries: 1_000 };
        for name in ["events", "checkpoints"] {
            adapters_aws::SqsQueue::create("QUEUE_URL", &self.queue, name, settings).await.expect("a queue");
        }
        self
    }

    /// Lets PostgreSQL's clock pass every hold at once.
    pub async fn end_holds(&self) {
        if self.queue.starts_with("postgres:") {
            let (client, connection) = tokio_postgres::connect(&self.queue, NoTls).await.expect("the server");
            tokio::spawn(connection);
            client.batch_execute("UPDATE dezky_messages SET visible_at = now()").await.expect("the table");
        }
    }

    /// What a program is told.
    pub fn environment(&self) -> [(&'static str, String); 3] {
        [("TABLE_URL", self.table.clone()), ("BUCKET_URL", self.bucket.clone()), ("QUEUE_URL", self.queue.clone())]
    }
}
