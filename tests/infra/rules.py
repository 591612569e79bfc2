"""What must hold for the translated template beyond what linters know. A rule yields (resource, remedy)."""
import re
from template import ROOT, listed, names, target, text

FOURTEEN_DAYS = 14 * 24 * 3600
# No disk to read log files from: xtask's template.rs says when that changes.
LEFT_OUT = {"tail-ocis"}
FORBIDDEN = re.compile("s3:(Delete|Bypass|PutObjectRetention|PutObjectLegalHold|PutBucket|PutLifecycle)")
# Archives are locked as they are put, and their lines deleted when they have expired; their manifests never.
OF_ARCHIVES = {
    "s3:PutObjectRetention": r"\$\{ColdBucket\.Arn\}/[^*]+/\*",
    "s3:DeleteObject": r"\$\{ColdBucket\.Arn\}/[^*]+/\*\.jsonl\.gz",
    "s3:DeleteObjectVersion": r"\$\{ColdBucket\.Arn\}/[^*]+/\*\.jsonl\.gz",
}
# What no row of which may go.
STAY = {"chain#*", "checkpoint#*", "archive#*", "manifest#*"}


class Stack:
    def __init__(self, translated):
        self.resources = translated["Resources"]
        self.parameters = translated.get("Parameters", {})

    def of(self, kind):
        found = ((name, one) for name, one in self.resources.items() if one["Type"] == kind)
        return [(name, one.get("Properties", {}), one) for name, one in found]

    def is_public_key(self, value):
        """Whether a value is a parameter that takes public keys and nothing else."""
        parameter = self.parameters.get(value.get("Ref"), {}) if isinstance(value, dict) else {}
        return parameter.get("AllowedPattern", "").startswith("ed25519:")

    def properties(self, name):
        return self.resources.get(name, {}).get("Properties", {})

    def statements(self):
        """(resource, statement) of every policy."""
        for name, one in self.resources.items():
            properties = one.get("Properties", {})
            documents = [policy["PolicyDocument"] for policy in listed(properties.get("Policies")) if isinstance(policy, dict)]
            documents += listed(properties.get("PolicyDocument"))
            for document in documents:
                for statement in listed(document["Statement"]):
                    yield name, statement

    def is_tls_only(self, kind, member, name):
        """Whether a policy of this kind refuses what comes without TLS, for this bucket or queue."""
        for policy, properties, _ in self.of(kind):
            if name in [target(one) for one in listed(properties[member])]:
                for statement in listed(properties["PolicyDocument"]["Statement"]):
                    insecure = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
                    about = [text(one) for one in listed(statement["Resource"])]
                    if (statement["Effect"] == "Deny" and statement["Principal"] == "*" and str(insecure).lower() == "false"
                            and listed(statement["Action"])[0].endswith(":*") and any(name in one for one in about)):
                        return True
        return False

    def has_alarm(self, name):
        """Whether somebody hears as soon as the metric of this queue or function is above 0."""
        for _, alarm, _ in self.of("AWS::CloudWatch::Alarm"):
            about = [target(dimension["Value"]) for dimension in alarm.get("Dimensions", [])]
            metric = alarm["MetricName"] in ("ApproximateNumberOfMessagesVisible", "Errors")
            if name in about and metric and alarm["Threshold"] == 0 and alarm.get("AlarmActions"):
                return alarm["ComparisonOperator"] == "GreaterThanThreshold"
        return False


def every_function_is_there(stack):
    wanted = {names(path.stem) for path in (ROOT / "events").glob("*.json")} - {names(name) for name in LEFT_OUT}
    found = {name for name, _, _ in stack.of("AWS::Lambda::Function")}
    for name in sorted(wanted - found):
        yield name, "is not deployed: run `cargo xtask derive`"
    for name in sorted(found - wanted):
        yield name, "is no function of the list: write it in lib/handlers, not in base.yaml"


def functions_are_as_the_platform_wants(stack):
    for name, properties, _ in stack.of("AWS::Lambda::Function"):
        if properties.get("Runtime") != "provided.al2023" or properties.get("Handler") != "bootstrap":
            yield name, "has another runtime: use provided.al2023 and bootstrap"
        if properties.get("Architectures") != ["arm64"]:
            yield name, "has another architecture: use arm64"
        log = stack.properties(target(properties.get("LoggingConfig", {}).get("LogGroup")))
        if "RetentionInDays" not in log:
            yield name, "has no log group that ends: give it one with RetentionInDays"
        if not stack.has_alarm(name):
            yield name, "has no alarm on Errors > 0: add one with AlarmActions"


def every_function_has_its_own_role(stack):
    owner = {}
    for name, properties, _ in stack.of("AWS::Lambda::Function"):
        role = target(properties.get("Role"))
        if stack.resources.get(role, {}).get("Type") != "AWS::IAM::Role":
            yield name, "has a role from elsewhere: give it one in this template"
        elif role in owner:
            yield name, f"shares {role} with {owner[role]}: give it a role of its own"
        elif stack.properties(role).get("ManagedPolicyArns"):
            yield role, "has managed policies, which others may widen: write statements"
        owner.setdefault(role, name)


def nothing_is_allowed_by_a_star(stack):
    for name, statement in stack.statements():
        if statement["Effect"] != "Allow":
            continue
        if "NotAction" in statement or "NotResource" in statement:
            yield name, "allows all but something: name actions and resources"
        resources = [text(one) for one in listed(statement.get("Resource"))]
        for action in either(statement.get("Action")):
            if "*" in action:
                yield name, f"allows `{action}`: name each action"
            only = OF_ARCHIVES.get(action)
            if FORBIDDEN.match(action) and not (only and all(re.fullmatch(only, one) for one in resources)):
                yield name, f"allows `{action}`: nobody takes objects or locks away"
        for resource in resources:
            # Objects can only be named by a prefix, and by how they end; it has to be one.
            prefix = re.fullmatch(r"\$\{\w+\.Arn\}/[^*]+/\*(\.jsonl\.gz)?", resource)
            if "*" in resource and not prefix:
                yield name, f"allows on `{resource}`: name the resource, or a prefix of its objects"


def either(actions):
    """Actions, those of both sides where a condition decides."""
    if isinstance(actions, dict):
        return [one for side in actions["Fn::If"][1:] for one in either(side)]
    return listed(actions)


def what_is_written_once_stays(stack):
    for name, one in stack.resources.items():
        if one["Type"] != "AWS::IAM::Role":
            continue
        statements = [statement for role, statement in stack.statements() if role == name]
        deletes = any("dynamodb:DeleteItem" in either(s["Action"]) for s in statements if s["Effect"] == "Allow")
        kept = set()
        for statement in [s for s in statements if s["Effect"] == "Deny" and "dynamodb:DeleteItem" in either(s["Action"])]:
            kept |= set(statement["Condition"]["ForAnyValue:StringLike"]["dynamodb:LeadingKeys"])
        if deletes and not STAY <= kept:
            yield name, f"may delete rows of the log: deny it for {', '.join(sorted(STAY - kept))}"


def no_partition_is_written_out(stack):
    for name, one in stack.resources.items():
        found = re.search(r"arn:aws[a-z-]*:", text(one))
        if found:
            yield name, f"has `{found[0]}`: use arn:${{AWS::Partition}}:, or !GetAtt"


def secrets_are_references(stack):
    for name, properties, _ in stack.of("AWS::Lambda::Function"):
        variables = properties.get("Environment", {}).get("Variables", {})
        secret = [one for one in variables if one.endswith(("_KEY", "_SECRET", "_TOKEN"))]
        for variable in [one for one in secret if not stack.is_public_key(variables[one])]:
            if not text(variables[variable]).startswith("{{resolve:secretsmanager:"):
                yield name, f"has {variable} in the open: use a dynamic reference to a secret"
            if "KmsKeyArn" not in properties:
                yield name, f"shows {variable} to all who see functions: set KmsKeyArn"


def dead_letters(stack):
    found = {target(queue.get("RedrivePolicy", {}).get("deadLetterTargetArn")) for _, queue, _ in stack.of("AWS::SQS::Queue")}
    found |= {target(one["Target"].get("DeadLetterConfig", {}).get("Arn")) for _, one, _ in stack.of("AWS::Scheduler::Schedule")}
    return found - {None}


def queues_keep_what_fails(stack):
    last = dead_letters(stack)
    for name, properties, _ in stack.of("AWS::SQS::Queue"):
        if name in last:
            if properties.get("MessageRetentionPeriod") != FOURTEEN_DAYS:
                yield name, f"keeps dead letters for less than can be: set MessageRetentionPeriod {FOURTEEN_DAYS}"
            if not stack.has_alarm(name):
                yield name, "has no alarm: add one on ApproximateNumberOfMessagesVisible > 0 with AlarmActions"
        elif target(properties.get("RedrivePolicy", {}).get("deadLetterTargetArn")) not in stack.resources:
            yield name, "has no dead-letter queue: set RedrivePolicy to one in this template"
        elif properties["RedrivePolicy"].get("maxReceiveCount") != 5:
            yield name, "gives up too soon or too late: set maxReceiveCount 5"
        if not properties.get("SqsManagedSseEnabled"):
            yield name, "is not encrypted: set SqsManagedSseEnabled"
        if not stack.is_tls_only("AWS::SQS::QueuePolicy", "Queues", name):
            yield name, "takes requests without TLS: add a policy that denies them"


def batches_say_what_failed(stack):
    for name, mapping, _ in stack.of("AWS::Lambda::EventSourceMapping"):
        if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield name, "takes a failed batch for served: set FunctionResponseTypes [ReportBatchItemFailures]"
        if not 2 <= mapping.get("ScalingConfig", {}).get("MaximumConcurrency", 0) <= 10:
            yield name, "lets too many write at once: set ScalingConfig.MaximumConcurrency from 2 to 10"
        queue, function = target(mapping["EventSourceArn"]), target(mapping["FunctionName"])
        needed = 6 * stack.properties(function).get("Timeout", 3)
        if stack.properties(queue).get("VisibilityTimeout", 30) < needed:
            yield queue, f"shows messages again while {function} may work on them: set VisibilityTimeout {needed} or more"


def ticks_are_bounded(stack):
    for name, properties, _ in stack.of("AWS::Scheduler::Schedule"):
        if properties.get("State") != "ENABLED" or "RetryPolicy" not in properties["Target"]:
            yield name, "is not enabled, or retries for a day: set State and RetryPolicy"
        if target(properties["Target"].get("DeadLetterConfig", {}).get("Arn")) not in stack.resources:
            yield name, "loses ticks in silence: set DeadLetterConfig"


def is_retained(one):
    return one.get("DeletionPolicy") == "Retain" and one.get("UpdateReplacePolicy") == "Retain"


def the_bucket_keeps_everything(stack):
    for name, properties, one in stack.of("AWS::S3::Bucket"):
        rules = properties.get("LifecycleConfiguration", {}).get("Rules", [])
        rule = properties.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention", {})
        blocked = properties.get("PublicAccessBlockConfiguration", {})
        for holds, remedy in [
            (is_retained(one), "goes with its stack: set DeletionPolicy and UpdateReplacePolicy Retain"),
            (properties.get("VersioningConfiguration", {}).get("Status") == "Enabled", "overwrites: enable versioning"),
            (properties.get("ObjectLockEnabled") is True, "cannot be locked: set ObjectLockEnabled"),
            # Archives are locked one by one, since their lines may expire.
            (name == "ColdBucket" or "Mode" in rule and "Days" in rule, "is not locked: set a DefaultRetention"),
            (list(blocked.values()).count(True) == 4, "can be made public: set all of PublicAccessBlockConfiguration"),
            ("BucketEncryption" in properties, "is not encrypted: set BucketEncryption"),
            (any("AbortIncompleteMultipartUpload" in rule for rule in rules), "keeps unfinished uploads: abort them by a rule"),
            (not any(key.startswith(("Expiration", "NoncurrentVersionExpiration")) for rule in rules for key in rule),
             "lets objects expire: take the rule away"),
            (stack.is_tls_only("AWS::S3::BucketPolicy", "Bucket", name),
             "takes requests without TLS: add a policy that denies them"),
        ]:
            if not holds:
                yield name, remedy


def the_table_can_be_restored(stack):
    for name, properties, one in stack.of("AWS::DynamoDB::Table"):
        if not is_retained(one) or not properties.get("DeletionProtectionEnabled"):
            yield name, "goes with its stack: set DeletionPolicy and UpdateReplacePolicy Retain, DeletionProtectionEnabled"
        if not properties.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled"):
            yield name, "cannot be restored: set PointInTimeRecoverySpecification"
        if not properties.get("SSESpecification", {}).get("SSEEnabled"):
            yield name, "is not encrypted by a key of the account: set SSESpecification"


RULES = [
    every_function_is_there, functions_are_as_the_platform_wants, every_function_has_its_own_role,
    nothing_is_allowed_by_a_star, what_is_written_once_stays, no_partition_is_written_out, secrets_are_references, queues_keep_what_fails,
    batches_say_what_failed, ticks_are_bounded, the_bucket_keeps_everything, the_table_can_be_restored,
]


def findings(translated):
    stack = Stack(translated)
    return [f"{name}: {remedy}" for rule in RULES for name, remedy in rule(stack)]
