//! Queues, their dead letters, and the alarms on these.

use super::{Alarm, alarm, fill, resource};

/// Messages stay hidden for this many time-outs of their reader, as the platform advises: within that
/// time it retries a batch that it could not hand over.
const VISIBILITY_TIMEOUTS: u32 = 6;
/// Dead letters of ticks are looked at by people.
const VISIBILITY_OF_TICKS: u32 = 30;

/// 14 days is the longest there is: an event that was accepted may be waiting here.
const QUEUE: &str = r"  {Name}Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub ${AWS::StackName}-{name}
      VisibilityTimeout: {visibility}
      MessageRetentionPeriod: 1209600
      SqsManagedSseEnabled: true
      RedrivePolicy:
        deadLetterTargetArn: !GetAtt {Name}DeadLetters.Arn
        maxReceiveCount: 5

";

const DEAD_LETTERS: &str = r"  {Name}DeadLetters:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub ${AWS::StackName}-{name}-dead-letters
      VisibilityTimeout: {visibility}
      MessageRetentionPeriod: 1209600
      SqsManagedSseEnabled: true

";

const POLICY: &str = r"  {Queue}Policy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref {Queue}]
      PolicyDocument:
        Version: '2012-10-17'
        Statement:
          - Sid: TlsOnly
            Effect: Deny
            Principal: '*'
            Action: sqs:*
            Resource: !GetAtt {Queue}.Arn
            Condition:
              Bool:
                aws:SecureTransport: false

";

/// A queue whose reader may take this long.
pub(super) fn queue(name: &str, timeout_seconds: u32) -> String {
    let visibility = timeout_seconds * VISIBILITY_TIMEOUTS;
    let queue = fill(QUEUE, &[("Name", &resource(name)), ("name", name), ("visibility", &visibility.to_string())]);
    let policy = fill(POLICY, &[("Queue", &format!("{}Queue", resource(name)))]);
    // A batch that failed is a good invocation for the platform; what waits too long shows it first.
    let age = alarm(&Alarm {
        name: format!("{}QueueAge", resource(name)),
        description: format!("Messages of {name} come back unserved"),
        namespace: "AWS/SQS",
        metric: "ApproximateAgeOfOldestMessage",
        dimension: "QueueName",
        value: format!("!GetAtt {}Queue.QueueName", resource(name)),
        statistic: "Maximum",
        period: "60",
        threshold: visibility * 2,
    });
    queue + &policy + &age + &dead_letters(name, visibility, "could not be served five times")
}

/// Where the scheduler leaves ticks that it could not hand over.
pub(super) fn ticks() -> String {
    dead_letters("ticks", VISIBILITY_OF_TICKS, "could not be handed to their functions")
}

fn dead_letters(name: &str, visibility: u32, what_happened: &str) -> String {
    let queue = format!("{}DeadLetters", resource(name));
    fill(DEAD_LETTERS, &[("Name", &resource(name)), ("name", name), ("visibility", &visibility.to_string())])
        + &fill(POLICY, &[("Queue", &queue)])
        + &alarm(&Alarm {
            name: format!("{queue}Alarm"),
            description: format!("Messages of {name} {what_happened}"),
            namespace: "AWS/SQS",
            metric: "ApproximateNumberOfMessagesVisible",
            dimension: "QueueName",
            value: format!("!GetAtt {queue}.QueueName"),
            statistic: "Maximum",
            period: "60",
            threshold: 0,
        })
}
