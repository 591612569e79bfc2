//! What a function declares to use, as statements of its role's policy.

use super::{fill, resource};
use handlers::{Grant, QueueName};

/// What functions keep in the bucket. `originals` and `kept` are written by readers of log files only.
const PREFIXES: [&str; 2] = ["checkpoints", "tiles"];
/// What the keys of archives start with, unless `AUDIT_COLD_PREFIX` says otherwise; here it does not.
const ARCHIVES: &str = "audit";

const TABLE_READ: &str = r"              - Sid: TableRead
                Effect: Allow
                Action: [dynamodb:GetItem, dynamodb:Query, dynamodb:BatchGetItem]
                Resource: !GetAtt Table.Arn
";

/// Derived rows may be written anew or go; blocks and checkpoints are created one by one, on the
/// condition that there is none, and never go. Nor do the rows that say what became cold, and under which manifest.
const TABLE_WRITE: &str = r"              - Sid: TableWrite
                Effect: Allow
                Action: [dynamodb:PutItem, dynamodb:DeleteItem, dynamodb:BatchWriteItem]
                Resource: !GetAtt Table.Arn
              - Sid: TheLogStays
                Effect: Deny
                Action: [dynamodb:DeleteItem, dynamodb:BatchWriteItem]
                Resource: !GetAtt Table.Arn
                Condition:
                  ForAnyValue:StringLike:
                    dynamodb:LeadingKeys: ['chain#*', 'checkpoint#*', 'archive#*', 'manifest#*']
";

/// Without leave to list, a missing object looks like a forbidden one. `IfExists`, because that
/// question has no prefix.
const BUCKET_LIST: &str = r"              - Sid: BucketList
                Effect: Allow
                Action: s3:ListBucket
                Resource: !GetAtt Bucket.Arn
                Condition:
                  StringLikeIfExists:
                    s3:prefix:
{prefixes}";

const BUCKET_OBJECTS: &str = r"              - Sid: {sid}
                Effect: Allow
                Action: {action}
                Resource:
{objects}";

const COLD_READ: &str = r"              - Sid: ColdList
                Effect: Allow
                Action: s3:ListBucket
                Resource: !GetAtt ColdBucket.Arn
                Condition:
                  StringLikeIfExists:
                    s3:prefix: !Sub {archives}/${AuditChain}/*
              - Sid: ColdRead
                Effect: Allow
                Action: s3:GetObject
                Resource: !Sub ${ColdBucket.Arn}/{archives}/${AuditChain}/*
";

/// A retention can be made longer by who may put it, and by nobody shorter.
const COLD_WRITE: &str = r"              - Sid: ColdWrite
                Effect: Allow
                Action: !If [ColdLocked, [s3:PutObject, s3:PutObjectRetention], [s3:PutObject]]
                Resource: !Sub ${ColdBucket.Arn}/{archives}/${AuditChain}/*
";

/// The lines of archives that have expired, with all their versions. Manifests stay.
const COLD_DELETE: &str = r"              - Sid: ColdDelete
                Effect: Allow
                Action: [s3:DeleteObject, s3:DeleteObjectVersion]
                Resource: !Sub ${ColdBucket.Arn}/{archives}/${AuditChain}/*.jsonl.gz
";

const SEND: &str = r"              - Sid: {Name}Send
                Effect: Allow
                Action: sqs:SendMessage
                Resource: !GetAtt {Name}Queue.Arn
";

const RECEIVE: &str = r"              - Sid: {Queue}Receive
                Effect: Allow
                Action: [sqs:ReceiveMessage, sqs:DeleteMessage, sqs:GetQueueAttributes]
                Resource: !GetAtt {Queue}.Arn
";

/// The secrets themselves are put into the environment at deployment, so that a role cannot read the
/// next version, nor a start wait for it.
pub(super) const SECRETS: &str = r"              - Sid: Secrets
                Effect: Allow
                Action: kms:Decrypt
                Resource: !GetAtt SecretsKey.Arn
";

const LOGS: &str = r"              - Sid: OwnLog
                Effect: Allow
                Action: [logs:CreateLogStream, logs:PutLogEvents]
                Resource: !GetAtt {Name}Log.Arn
";

/// Leave to write its own log.
pub(super) fn logs(function: &str) -> String {
    fill(LOGS, &[("Name", function)])
}

/// The statements that a grant becomes.
pub(super) fn statements(grant: Grant) -> String {
    match grant {
        Grant::TableRead => TABLE_READ.to_owned(),
        Grant::TableWrite => TABLE_WRITE.to_owned(),
        Grant::BucketRead => {
            let prefixes = lines("                      - !Sub {prefix}/${AuditChain}/*\n");
            fill(BUCKET_LIST, &[("prefixes", &prefixes)]) + &objects("BucketRead", "s3:GetObject")
        }
        // Never s3:DeleteObject, nor leave to lift a lock.
        Grant::BucketWrite => objects("BucketWrite", "s3:PutObject"),
        Grant::ColdRead => archives(COLD_READ),
        Grant::ColdWrite => archives(COLD_WRITE),
        Grant::ColdDelete => archives(COLD_DELETE),
        Grant::EventsSend => fill(SEND, &[("Name", &resource(QueueName::Events.as_str()))]),
        Grant::CheckpointsSend => fill(SEND, &[("Name", &resource(QueueName::Checkpoints.as_str()))]),
        Grant::EventsReceive => receive(QueueName::Events, "Queue"),
        Grant::CheckpointsReceive => receive(QueueName::Checkpoints, "Queue"),
        Grant::DeadLettersReceive => receive(QueueName::Events, "DeadLetters"),
        // The key is in the environment; a log file is nothing of the platform's.
        Grant::Sign | Grant::LogRead => String::new(),
    }
}

fn lines(line: &str) -> String {
    PREFIXES.map(|prefix| fill(line, &[("prefix", prefix)])).concat()
}

fn objects(sid: &str, action: &str) -> String {
    let objects = lines("                  - !Sub ${Bucket.Arn}/{prefix}/${AuditChain}/*\n");
    fill(BUCKET_OBJECTS, &[("sid", sid), ("action", action), ("objects", &objects)])
}

fn archives(statement: &str) -> String {
    fill(statement, &[("archives", ARCHIVES)])
}

fn receive(queue: QueueName, which: &str) -> String {
    fill(RECEIVE, &[("Queue", &format!("{}{which}", resource(queue.as_str())))])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a grant's statements allow something.
    fn places(grant: Grant) -> Vec<String> {
        let text = statements(grant);
        text.lines().filter_map(|line| line.trim().strip_prefix("Resource: ").map(str::to_owned)).collect()
    }

    #[test]
    fn archives_are_read_and_written_below_their_chain_and_only_lines_are_deleted() {
        let below = "!Sub ${ColdBucket.Arn}/audit/${AuditChain}/*";
        assert_eq!(places(Grant::ColdRead), ["!GetAtt ColdBucket.Arn", below]);
        assert_eq!(places(Grant::ColdWrite), [below]);
        assert_eq!(places(Grant::ColdDelete), [format!("{below}.jsonl.gz")]);
        for (grant, deletes) in [(Grant::ColdRead, false), (Grant::ColdWrite, false), (Grant::ColdDelete, true)] {
            let text = statements(grant);
            assert_eq!(text.contains("s3:Delete"), deletes, "{text}");
            assert!(!text.contains("{archives}") && !text.contains("s3:Bypass"), "{text}");
        }
    }
}
