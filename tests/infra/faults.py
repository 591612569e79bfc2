"""Plants faults in a copy of the template, one at a time, and says which one the rules do not notice."""
import copy
from rules import findings
from template import read, translate


def statements(resources, role):
    return resources[role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]


def star_action(resources):
    statements(resources, "RecordEventsRole")[0]["Action"] = "logs:*"


def star_resource(resources):
    statements(resources, "ListEventsRole")[1]["Resource"] = "*"


def star_bucket(resources):
    statements(resources, "VerifyChainRole")[-1]["Resource"] = {"Fn::Sub": "${Bucket.Arn}/*"}


def may_delete(resources):
    statements(resources, "SignCheckpointRole")[-1]["Action"] = ["s3:DeleteObject"]


def managed_policy(resources):
    policy = {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/ReadOnlyAccess"}
    resources["HealthRole"]["Properties"]["ManagedPolicyArns"] = [policy]


def shared_role(resources):
    resources["GetEvent"]["Properties"]["Role"] = {"Fn::GetAtt": ["ListEventsRole", "Arn"]}


def no_dead_letters(resources):
    del resources["EventsQueue"]["Properties"]["RedrivePolicy"]


def short_dead_letters(resources):
    resources["EventsDeadLetters"]["Properties"]["MessageRetentionPeriod"] = 345600


def no_alarm(resources):
    del resources["CheckpointsDeadLettersAlarm"]


def alarm_for_nobody(resources):
    resources["AppendEventsErrors"]["Properties"]["AlarmActions"] = []


def short_visibility(resources):
    resources["EventsQueue"]["Properties"]["VisibilityTimeout"] = 59


def long_timeout(resources):
    resources["SignCheckpoint"]["Properties"]["Timeout"] = 61


def no_failures_reported(resources):
    del resources["AppendEvents"]["Properties"]["Events"]["Messages"]["Properties"]["FunctionResponseTypes"]


def no_bound_on_writers(resources):
    del resources["AppendEvents"]["Properties"]["Events"]["Messages"]["Properties"]["ScalingConfig"]


def queue_without_tls(resources):
    del resources["EventsQueuePolicy"]


def unlocked(resources):
    del resources["Bucket"]["Properties"]["ObjectLockEnabled"]


def unlocked_by_default(resources):
    del resources["Bucket"]["Properties"]["ObjectLockConfiguration"]


def cold_unlocked(resources):
    del resources["ColdBucket"]["Properties"]["ObjectLockEnabled"]


def cold_without_tls(resources):
    del resources["ColdBucketPolicy"]


def may_delete_manifests(resources):
    statement = statements(resources, "SignCheckpointRole")[-1]
    statement["Action"] = ["s3:DeleteObjectVersion"]
    statement["Resource"] = {"Fn::Sub": "${ColdBucket.Arn}/audit/${AuditChain}/*"}


def may_lock_elsewhere(resources):
    statement = statements(resources, "SignCheckpointRole")[-1]
    statement["Action"] = {"Fn::If": ["ColdLocked", ["s3:PutObject", "s3:PutObjectRetention"], ["s3:PutObject"]]}


def may_delete_archive_rows(resources):
    denied = next(one for one in statements(resources, "AppendEventsRole") if one["Effect"] == "Deny")
    denied["Condition"]["ForAnyValue:StringLike"]["dynamodb:LeadingKeys"].remove("archive#*")


def unversioned(resources):
    resources["Bucket"]["Properties"]["VersioningConfiguration"]["Status"] = "Suspended"


def bucket_not_retained(resources):
    resources["Bucket"]["DeletionPolicy"] = "Delete"


def bucket_without_tls(resources):
    statement = resources["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    statement["Condition"]["Bool"]["aws:SecureTransport"] = True


def table_not_retained(resources):
    del resources["Table"]["UpdateReplacePolicy"]


def table_not_recoverable(resources):
    resources["Table"]["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] = False


def partition_written_out(resources):
    statements(resources, "RecordEventsRole")[-1]["Resource"] = "arn:aws:sqs:eu-central-1:123456789012:events"


def secret_in_the_open(resources):
    resources["SignCheckpoint"]["Properties"]["Environment"]["Variables"]["AUDIT_SIGNING_KEY"] = "00" * 32


def old_runtime(resources):
    resources["Health"]["Properties"]["Runtime"] = "provided.al2"


def other_architecture(resources):
    resources["Health"]["Properties"]["Architectures"] = ["x86_64"]


def lost_function(resources):
    for name in ("VerifyChain", "VerifyChainRole", "VerifyChainErrors"):
        del resources[name]


def silent_ticks(resources):
    del resources["DeriveEntries"]["Properties"]["Events"]["Tick"]["Properties"]["DeadLetterConfig"]


# The fault, and how the line begins that must be printed.
FAULTS = [
    (star_action, "RecordEventsRole: allows `logs:*`"),
    (star_resource, "ListEventsRole: allows on `*`"),
    (star_bucket, "VerifyChainRole: allows on `${Bucket.Arn}/*`"),
    (may_delete, "SignCheckpointRole: allows `s3:DeleteObject`"),
    (managed_policy, "HealthRole: has managed policies"),
    (shared_role, "GetEvent: shares ListEventsRole"),
    (no_dead_letters, "EventsQueue: has no dead-letter queue"),
    (short_dead_letters, "EventsDeadLetters: keeps dead letters for less"),
    (no_alarm, "CheckpointsDeadLetters: has no alarm"),
    (alarm_for_nobody, "AppendEvents: has no alarm"),
    (short_visibility, "EventsQueue: shows messages again"),
    (long_timeout, "CheckpointsQueue: shows messages again"),
    (no_failures_reported, "AppendEventsMessages: takes a failed batch for served"),
    (no_bound_on_writers, "AppendEventsMessages: lets too many write"),
    (queue_without_tls, "EventsQueue: takes requests without TLS"),
    (unlocked, "Bucket: cannot be locked"),
    (unlocked_by_default, "Bucket: is not locked"),
    (cold_unlocked, "ColdBucket: cannot be locked"),
    (cold_without_tls, "ColdBucket: takes requests without TLS"),
    (may_delete_manifests, "SignCheckpointRole: allows `s3:DeleteObjectVersion`"),
    (may_lock_elsewhere, "SignCheckpointRole: allows `s3:PutObjectRetention`"),
    (may_delete_archive_rows, "AppendEventsRole: may delete rows of the log: deny it for archive#*"),
    (unversioned, "Bucket: overwrites"),
    (bucket_not_retained, "Bucket: goes with its stack"),
    (bucket_without_tls, "Bucket: takes requests without TLS"),
    (table_not_retained, "Table: goes with its stack"),
    (table_not_recoverable, "Table: cannot be restored"),
    (partition_written_out, "RecordEventsRole: has `arn:aws:`"),
    (secret_in_the_open, "SignCheckpoint: has AUDIT_SIGNING_KEY in the open"),
    (old_runtime, "Health: has another runtime"),
    (other_architecture, "Health: has another architecture"),
    (lost_function, "VerifyChain: is not deployed"),
    (silent_ticks, "DeriveEntriesTick: loses ticks"),
]


def unnoticed():
    """Faults that do not turn the check red with their line, and a template that is red without any."""
    sound = read()
    lines = [f"without a fault: {line}" for line in findings(translate(sound))]
    for plant, expected in FAULTS:
        source = copy.deepcopy(sound)
        plant(source["Resources"])
        found = findings(translate(source))
        if not any(line.startswith(expected) for line in found):
            lines.append(f"{plant.__name__}: nothing says `{expected}`; said was {found}")
    return lines
