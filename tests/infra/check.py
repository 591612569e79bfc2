"""Checks infra/template.yaml without network or credentials; from the root of the repository:

    target/infra/bin/python tests/infra/check.py [--self-test]

Three tools, because each misses what another sees: cfn-lint on the source knows no event of a function, `sam validate`
knows no reference, and only the translated template shows what would be deployed. Then our own rules (rules.py).
`--self-test` plants faults (faults.py) and fails where one goes unnoticed."""
import json, os, pathlib, subprocess, sys, tempfile
from faults import unnoticed
from rules import findings
from template import SOURCE, read, translate

# A tool is found beside this Python, and told to ask nobody anything.
BIN = pathlib.Path(sys.executable).parent
ALONE = {
    "SAM_CLI_TELEMETRY": "0",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_DEFAULT_REGION": "eu-central-1",
}


def tool(name, *arguments):
    """What a tool complains about, line by line."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")} | ALONE
    done = subprocess.run([str(BIN / name), *arguments], env=environment, cwd=SOURCE.parent, capture_output=True, text=True)
    if done.returncode == 0:
        return []
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return [f"{name}: {line}" for line in lines] or [f"{name}: ended with {done.returncode}"]


def linted(template):
    return on_file(template, "cfn-lint", "--format", "parseable")


def validated(template):
    return on_file(template, "sam", "validate", "--template")


def on_file(template, *command):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "template.json"
        path.write_text(json.dumps(template, indent=1))
        return tool(*command, str(path))


def problems():
    found = tool("cfn-lint", "--format", "parseable", str(SOURCE)) + tool("sam", "validate", "--template", str(SOURCE))
    if "arn:aws:" in SOURCE.read_text():
        found.append("infra/template.yaml: has `arn:aws:`: use arn:${AWS::Partition}:")
    translated = translate(read())
    return found + linted(translated) + findings(translated)


def sleeping_tools():
    """Tools that do not see the one thing that each is here for."""
    nowhere, typo, early = read(), read(), translate(read())
    nowhere["Resources"]["Health"]["Properties"]["Role"] = {"Fn::GetAtt": ["NoRole", "Arn"]}
    messages = typo["Resources"]["AppendEvents"]["Properties"]["Events"]["Messages"]["Properties"]
    messages["BatchSizee"] = messages.pop("BatchSize")
    early["Resources"]["EventsQueue"]["Properties"]["VisibilityTimeout"] = 5
    cases = [(linted, nowhere, "NoRole"), (validated, typo, "BatchSizee"), (linted, early, "E3505")]
    found = [(word, run(template)) for run, template, word in cases]
    return [f"no tool sees {word}; said was {lines}" for word, lines in found if word not in "".join(lines)]


def main(arguments):
    if arguments not in ([], ["--self-test"]):
        print("use: check.py [--self-test]", file=sys.stderr)
        return 2
    found = unnoticed() + sleeping_tools() if arguments else problems()
    for line in found:
        print(line)
    print(f"infra: {len(found)} problems" if found else "infra: good", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
