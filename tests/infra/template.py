"""Reads infra/template.yaml and translates it as the platform would: rules look at what would be deployed."""
import copy, json, logging, os, pathlib

# The translator asks for a region; which one, decides nothing.
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
# It also warns that it counted something and told nobody, as it should.
logging.getLogger("samtranslator").setLevel(logging.ERROR)

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = ROOT / "infra" / "template.yaml"


class NoManagedPolicies:
    """The translator would ask the platform for these; nothing of ours uses one."""

    def load(self):
        return {}


def read():
    return yaml_parse(SOURCE.read_text())


def translate(source):
    """What is deployed, functions without their code."""
    source = copy.deepcopy(source)
    for resource in source["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://code/function.zip"
    # Through JSON, because the translator leaves dictionaries and texts of its own kind.
    return json.loads(json.dumps(transform(source, {}, NoManagedPolicies())))


def target(value):
    """The resource that a reference names, whichever of its attributes."""
    if isinstance(value, dict) and "Ref" in value:
        return value["Ref"]
    if isinstance(value, dict) and "Fn::GetAtt" in value:
        whole = value["Fn::GetAtt"]
        return whole[0] if isinstance(whole, list) else whole.split(".")[0]
    return None


def text(value):
    """A value as one text, for what is searched in it."""
    if isinstance(value, dict) and "Fn::Sub" in value:
        value = value["Fn::Sub"]
    return value if isinstance(value, str) else json.dumps(value)


def listed(value):
    return value if isinstance(value, list) else [] if value is None else [value]


def names(function):
    """`record-events` as a resource: `RecordEvents`."""
    return "".join(word.capitalize() for word in function.split("-"))
