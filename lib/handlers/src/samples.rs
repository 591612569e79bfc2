//! Events as a function platform sends them: API Gateway HTTP API 2.0, SQS, EventBridge.

use crate::function::{Function, HttpPart};
use ports::Message;
use serde_json::{Map, Value, json};

/// Where the bearer token goes: a token is made per installation.
const TOKEN: &str = "Bearer TOKEN";

/// The sample event of a function.
pub fn event(function: &Function) -> Value {
    if let Some(part) = function.http {
        return request(function, &part);
    }
    match function.queue {
        Some(part) => {
            let receipt = format!("sample-{}", function.name);
            let message = Message { receipt, body: (part.example_body)(), deliveries: 1 };
            batch(part.queue.as_str(), &[("059f36b4-87a3-44ab-83d2-661975830a7d".to_owned(), message)])
        }
        None => tick(function.name),
    }
}

fn request(function: &Function, part: &HttpPart) -> Value {
    let example = (part.example)();
    let method = part.route.method.as_str();
    let query: Vec<String> = example.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let parameters: Map<String, Value> = example.query.iter().map(|(n, v)| ((*n).to_owned(), json!(v))).collect();
    let mut event = json!({
        "version": "2.0",
        "routeKey": part.route.to_string(),
        "rawPath": example.path,
        "rawQueryString": query.join("&"),
        "headers": {"authorization": TOKEN, "host": "api.dezky.example", "x-request-id": format!("sample-{}", function.name)},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "sample",
            "domainName": "api.dezky.example",
            "domainPrefix": "api",
            "http": {
                "method": method,
                "path": example.path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "sample",
            },
            "requestId": "sample",
            "routeKey": part.route.to_string(),
            "stage": "$default",
            "time": "02/Nov/2026:08:15:00 +0000",
            "timeEpoch": 1_793_607_300_000_u64,
        },
        "isBase64Encoded": false,
    });
    if !parameters.is_empty() {
        event["queryStringParameters"] = parameters.into();
    }
    if let Some(body) = example.body {
        event["headers"]["content-type"] = "application/json".into();
        event["body"] = body.to_string().into();
    }
    event
}

/// A batch of a queue's messages, each with an id by which it can be reported as failed.
pub fn batch(queue: &str, messages: &[(String, Message)]) -> Value {
    let record = |(id, message): &(String, Message)| {
        json!({
            "messageId": id,
            "receiptHandle": message.receipt,
            "body": message.body,
            "attributes": {
                "ApproximateFirstReceiveTimestamp": "1793607300000",
                "ApproximateReceiveCount": message.deliveries.to_string(),
                "SenderId": "123456789012",
                "SentTimestamp": "1793607300000",
            },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:eu-central-1:123456789012:{queue}"),
            "awsRegion": "eu-central-1",
        })
    };
    json!({"Records": messages.iter().map(record).collect::<Vec<_>>()})
}

/// A tick of this function's schedule.
pub fn tick(name: &str) -> Value {
    json!({
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2026-11-02T08:15:00Z",
        "region": "eu-central-1",
        "resources": [format!("arn:aws:events:eu-central-1:123456789012:rule/{name}")],
        "detail": {},
    })
}
