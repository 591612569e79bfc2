//! `infra/template.yaml`: what stands in `infra/base.yaml` by hand, and what follows from the list of
//! functions. Written as text, so that order and comments survive.
//!
//! A function has a role of its own that allows what it declares to use, on named resources.

mod grants;
mod queues;

use handlers::{FUNCTIONS, Function, Grant, Place};
use std::collections::BTreeMap;

const BASE: &str = "infra/base.yaml";
/// Where base.yaml begins, after what it says about itself.
const START: &str = "AWSTemplateFormatVersion";
/// Where queues and functions are put.
const PLACE: &str = "  # derived: queues and functions\n\n";
const MARK: &str = "# Derived from infra/base.yaml and handlers::FUNCTIONS by `cargo xtask derive`: edit those.\n\n";

/// The whole template.
pub(crate) fn text() -> String {
    let base = std::fs::read_to_string(BASE).unwrap_or_default();
    let start = base.find(START).unwrap_or_default();
    let (before, after) = base[start..].split_once(PLACE).unwrap_or((&base, ""));
    let deployed: Vec<&Function> = FUNCTIONS.iter().filter(|function| is_deployed(function)).collect();
    let mut readers: BTreeMap<&str, u32> = BTreeMap::new();
    for function in &deployed {
        if let Some(part) = function.queue {
            readers.insert(part.queue.as_str(), function.timeout_seconds);
        }
    }
    let mut text = format!("{MARK}{before}");
    for (queue, timeout) in readers {
        text += &queues::queue(queue, timeout);
    }
    text += &queues::ticks();
    for function in deployed {
        text += &block(function);
    }
    text + after
}

/// A function that reads log files finds none where there is no disk to share. It stays out until logs
/// can come from a bucket: deployed before, it would be a role that may write and a bill every minute.
fn is_deployed(function: &Function) -> bool {
    !function.uses.contains(&Grant::LogRead)
}

/// `record-events` as the name of a resource: `RecordEvents`.
fn resource(name: &str) -> String {
    let mut whole = String::new();
    for word in name.split('-') {
        let (first, rest) = word.split_at(word.len().min(1));
        whole += &(first.to_ascii_uppercase() + rest);
    }
    whole
}

/// Puts values in the place of `{words}`.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(template.to_owned(), |text, (word, value)| text.replace(&format!("{{{word}}}"), value))
}

const FUNCTION: &str = r"  {Name}:
    Type: AWS::Serverless::Function
    Metadata:
      BuildMethod: rust-cargolambda
      BuildProperties:
        Binary: {name}
    Properties:
      FunctionName: !Sub ${AWS::StackName}-{name}
      Description: '{summary}'
      CodeUri: ../functions
      MemorySize: {memory}
      Timeout: {timeout}
      Role: !GetAtt {Name}Role.Arn
      LoggingConfig:
        LogFormat: JSON
        LogGroup: !Ref {Name}Log
{settings}      Events:
{events}
  {Name}Log:
    Type: AWS::Logs::LogGroup
    Properties:
      LogGroupName: !Sub /${AWS::StackName}/{name}
      RetentionInDays: !Ref LogRetentionDays

  {Name}Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement:
          - Effect: Allow
            Principal:
              Service: lambda.amazonaws.com
            Action: sts:AssumeRole
      Policies:
        - PolicyName: uses
          PolicyDocument:
            Version: '2012-10-17'
            Statement:
{statements}
";

fn block(function: &Function) -> String {
    let name = resource(function.name);
    let settings = settings(function);
    let mut statements = grants::logs(&name);
    for grant in function.uses {
        statements += &grants::statements(*grant);
    }
    if settings.contains("KmsKeyArn") {
        statements += grants::SECRETS;
    }
    // Below 1,769 MB a function has less than a whole processor; one that runs for long wants one.
    let memory = if function.timeout_seconds > 60 { "1769" } else { "512" };
    let block = fill(
        FUNCTION,
        &[
            ("Name", &name),
            ("name", function.name),
            ("summary", &function.summary.replace('\'', "''")),
            ("memory", memory),
            ("timeout", &function.timeout_seconds.to_string()),
            ("settings", &settings),
            ("events", &events(function)),
            ("statements", &statements),
        ],
    );
    block
        + &alarm(&Alarm {
            name: format!("{name}Errors"),
            description: format!("{} fails", function.name),
            namespace: "AWS/Lambda",
            metric: "Errors",
            dimension: "FunctionName",
            value: format!("!Ref {name}"),
            statistic: "Sum",
            period: "300",
            threshold: 0,
        })
}

/// What a function knows beyond what all know, and what a tick that failed does: nothing, since the
/// next one does its work.
fn settings(function: &Function) -> String {
    let mut variables = String::new();
    let mut has_secret = false;
    if let Some(part) = function.http {
        variables += "          AUTHENTIK_ISSUER: !Ref AuthentikIssuer\n          AUTHENTIK_AUDIENCE: !Ref AuthentikAudience\n          ISSUER_KEY: !Ref IssuerKey\n";
        if part.parameters.iter().any(|parameter| parameter.place == Place::Query && parameter.name == "cursor") {
            variables += "          CURSOR_KEY: !Sub '{{resolve:secretsmanager:${CursorKey}}}'\n";
            has_secret = true;
        }
    }
    if function.uses.contains(&Grant::Sign) {
        variables += "          AUDIT_SIGNING_KEY: !Sub '{{resolve:secretsmanager:${SigningKeySecretArn}:SecretString:::${SigningKeyVersion}}}'\n";
        has_secret = true;
    }
    let mut text = String::new();
    if has_secret {
        text += "      KmsKeyArn: !GetAtt SecretsKey.Arn\n";
    }
    if !variables.is_empty() {
        text += &format!("      Environment:\n        Variables:\n{variables}");
    }
    if let Some(part) = function.schedule {
        let age = minutes(part.every_seconds) * 60;
        text += &format!(
            "      EventInvokeConfig:\n        MaximumRetryAttempts: 0\n        MaximumEventAgeInSeconds: {age}\n"
        );
    }
    text
}

const REQUEST: &str = r"        Request:
          Type: HttpApi
          Properties:
            ApiId: !Ref HttpApi
            Method: {method}
            Path: {path}
            PayloadFormatVersion: '2.0'
";

/// Two at a time: enough that one slow batch does not hold up the others, few enough that writers
/// seldom race for the next block.
const MESSAGES: &str = r"        Messages:
          Type: SQS
          Properties:
            Queue: !GetAtt {Queue}Queue.Arn
            BatchSize: 10
            FunctionResponseTypes: [ReportBatchItemFailures]
            ScalingConfig:
              MaximumConcurrency: 2
";

/// Without `OmitName` all stacks of an account would want the same name.
const TICK: &str = r"        Tick:
          Type: ScheduleV2
          Properties:
            OmitName: true
            ScheduleExpression: rate({rate})
            State: ENABLED
            RetryPolicy:
              MaximumRetryAttempts: 2
              MaximumEventAgeInSeconds: {age}
            DeadLetterConfig:
              Arn: !GetAtt TicksDeadLetters.Arn
";

fn events(function: &Function) -> String {
    let mut text = String::new();
    if let Some(part) = function.http {
        text += &fill(REQUEST, &[("method", part.route.method.as_str()), ("path", part.route.path)]);
    }
    if let Some(part) = function.queue {
        text += &fill(MESSAGES, &[("Queue", &resource(part.queue.as_str()))]);
    }
    if let Some(part) = function.schedule {
        let minutes = minutes(part.every_seconds);
        let rate = if minutes == 1 { "1 minute".to_owned() } else { format!("{minutes} minutes") };
        text += &fill(TICK, &[("rate", &rate), ("age", &(minutes * 60).to_string())]);
    }
    text
}

/// The scheduler knows no seconds.
fn minutes(seconds: u32) -> u32 {
    seconds.div_ceil(60)
}

/// Something that an operator should hear of.
struct Alarm {
    name: String,
    description: String,
    namespace: &'static str,
    metric: &'static str,
    dimension: &'static str,
    value: String,
    statistic: &'static str,
    period: &'static str,
    /// It goes off beyond this.
    threshold: u32,
}

const ALARM: &str = r"  {alarm}:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmDescription: {description}
      Namespace: {namespace}
      MetricName: {metric}
      Dimensions:
        - Name: {dimension}
          Value: {value}
      Statistic: {statistic}
      Period: {period}
      EvaluationPeriods: 1
      Threshold: {threshold}
      ComparisonOperator: GreaterThanThreshold
      TreatMissingData: notBreaching
      AlarmActions: [!Ref AlarmTopic]

";

fn alarm(alarm: &Alarm) -> String {
    fill(
        ALARM,
        &[
            ("alarm", &alarm.name),
            ("description", &alarm.description),
            ("namespace", alarm.namespace),
            ("metric", alarm.metric),
            ("dimension", alarm.dimension),
            ("value", &alarm.value),
            ("statistic", alarm.statistic),
            ("period", alarm.period),
            ("threshold", &alarm.threshold.to_string()),
        ],
    )
}
