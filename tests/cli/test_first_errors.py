"""What a newcomer mistypes: one line that says what is wrong, where, and what to do.

Each row is refused before TensorFlow is imported, which takes seconds: the programs run here in
the process of the tests, and say nothing on standard output.
"""

import pathlib
import shutil

import pytest

from magenta_sketch.cli import draw, sweep
from magenta_sketch.cli import train as sketch_rnn_train
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.training.run_folder import RunFolder

DATA = pathlib.Path(__file__).resolve().parents[1] / "data"
FLAG_FILES = {
    "slides.cfg": "––hparams=num_steps=5\n",
    "names.cfg": "# no dashes\n\nhparams=num_steps=5\n",
    "quotes.cfg": '--hparams="data_set=[cat.npz]"\n',
    "spaces.cfg": "--log_root = here\n",
    "shell.cfg": "--data_dir=data \\\n--seed=1\n",
    "self.cfg": "--seed=1\n--flagfile=self.cfg\n",
    "valueless.cfg": "--data_dir\ndata\n",
    "windows.cfg": "\ufeff# saved by an editor\r\n--data_dir=dta\r\n",
}
A_MODEL = (
    "a run's --log_root, a .keras file, a Magenta checkpoint directory or a Sketch-RNN-JS file"
)
NUMBERS = "write something like 0,7,20-23"

# Refused with status 1: the folder is at fault, not the words.
FOLDERS = [
    (
        "--log_root=model|--data_dir=data|--hparams=data_set=[cat.npz]",
        "model already holds a run: go on with it with --resume_training, name another "
        "--log_root, or give --overwrite to delete it",
    ),
    (
        "--log_root=modle|--data_dir=data|--hparams=data_set=[cat.npz]|--resume_training",
        "modle holds no run to go on with; did you mean model?: check --log_root, or leave out "
        "--resume_training to begin one there",
    ),
]
# What is typed, with | between the words; then the whole message.
TRAIN = [
    # Flags.
    ("--log_rot=x", "unknown flag --log_rot; did you mean --log_root?"),
    ("--data-dir=data", "unknown flag --data-dir; did you mean --data_dir?"),
    ("--SEED=3", "unknown flag --SEED; did you mean --seed?"),
    ("--resume", "unknown flag --resume; did you mean --resume_training?"),
    ("--zzz=1", "unknown flag --zzz; --help lists all flags"),
    ("--model_dir=model", "unknown flag --model_dir; did you mean --log_root?"),
    (
        "--num_steps=1000",
        "unknown flag --num_steps; it is a hyperparameter: --hparams=num_steps=1000",
    ),
    ("data_dir=data", "what is 'data_dir=data'? did you mean --data_dir=data?"),
    ("num_steps=5", "what is 'num_steps=5'? did you mean --hparams=num_steps=5?"),
    ("names.cfg", "what is 'names.cfg'? did you mean --flagfile=names.cfg?"),
    ("train", "what is 'train'? all settings are flags, --name=value"),
    ("--data_dir", "--data_dir has no value; write --data_dir=VALUE"),
    ("--log_root|--resume_training", "--log_root has no value; write --log_root=VALUE"),
    ("--log_root=|x", "what is 'x'? leave out the spaces around =, --log_root=x"),
    ("--log_root|=|x", "--log_root = ...: leave out the spaces around =, --log_root=VALUE"),
    ("--seed=ten", "--seed must be a whole number >= 0, got 'ten'; write it in digits only"),
    ("--seed=", "--seed must be a whole number >= 0, got ''; write it in digits only"),
    ("--seed=-1", "--seed must be a whole number >= 0, got '-1'; use for example seed=0"),
    (
        "--num_epochs=0,5",
        "--num_epochs must be a finite number > 0, got '0,5'; write a decimal point, 0.5",
    ),
    (
        "--num_epochs=nan",
        "--num_epochs must be a finite number > 0, got 'nan'; use for example num_epochs=1",
    ),
    ("--mixed_precision=yes", "--mixed_precision must be true or false, got 'yes'"),
    ("--jit=yes", "--jit must be one of auto, on, off, got 'yes'; use for example jit=auto"),
    (
        "--noresume_training=1",
        "--noresume_training takes no value; write --noresume_training, or --resume_training=1",
    ),
    # Of a word processor.
    (
        "–hparams=num_steps=5",
        "what is '–hparams=num_steps=5'? '–' comes from a word processor: type "
        "--hparams=num_steps=5",
    ),
    (
        "--hparams=“num_steps=5”",
        "--hparams=“num_steps=5”: '“' comes from a word processor: type \", or leave it out",
    ),
    (
        "--data_dir=‘data’",
        "--data_dir=‘data’: '‘' comes from a word processor: type ', or leave it out",
    ),
    (
        "--hparams=data_set=[‘cat.npz’]",
        "--hparams: malformed hyperparameters: '‘' comes from a word processor: type ', or put a "
        "name that has it in quotes; at character 11 (after 'data_set=[', before '‘cat.npz’]')",
    ),
    (
        "--hparams=learning_rate=1e–3",
        "--hparams: malformed hyperparameters: '–' comes from a word processor: type -; at "
        "character 15 (after 'learning_rate=', before '1e–3')",
    ),
    # Hyperparameters.
    (
        "--hparams=z_sise=3",
        "--hparams: unknown hyperparameter 'z_sise' at character 1 (before 'z_sise=3'); did you "
        "mean 'z_size'?",
    ),
    (
        "--hparams=enc_model=ltsm",
        "--hparams: enc_model must be one of lstm, layer_norm, hyper, got 'ltsm'; did you mean "
        "'lstm'?",
    ),
    (
        "--hparams=num_steps=1e6",
        "--hparams: num_steps must be a whole number >= 1, got '1e6'; write it in digits only, as "
        "1000000",
    ),
    (
        "--hparams=scale=-1",
        "--hparams: scale must be a finite number >= 0, got '-1'; use for example scale=1.0",
    ),
    (
        "--hparams=conditional=None",
        "--hparams: conditional must be true or false (1 or 0 in a string), got 'None'; use for "
        "example conditional=True",
    ),
    (
        "--hparams=learning_rate=0,001",
        "--hparams: malformed hyperparameters: learning_rate has a comma in its number, write 1000 "
        "or 0.001; a comma begins the next setting; at character 15 (after 'learning_rate=', "
        "before '0,001')",
    ),
    (
        "--hparams=num_steps=5;z_size=3",
        "--hparams: num_steps must be a whole number >= 1, got '5;z_size=3' (is a comma missing?); "
        "write it in digits only",
    ),
    (
        "--hparams=num_steps",
        "--hparams: malformed hyperparameters: expected name=value (nothing follows num_steps; a "
        "setting with spaces goes in quotes); at character 1 (before 'num_steps')",
    ),
    (
        "--hparams=data_set=[cat.npz,|bus.npz]",
        "--hparams: malformed hyperparameters: data_set has a list without its end, add ']', and "
        "quotes around all of it if there are spaces; at character 10 (after 'data_set=', before "
        "'[cat.npz,')",
    ),
    (
        "--hparams=data_set=cat.npz,bus.npz",
        "--hparams: malformed hyperparameters: expected name=value (several items go in square "
        "brackets, name=[a, b]); at character 18 (after 'data_set=cat.npz,', before 'bus.npz')",
    ),
    (
        "--hparams=data_set=(cat.npz)",
        "--hparams: malformed hyperparameters: a list stands in square brackets, data_set=[a, b]; "
        "at character 10 (after 'data_set=', before '(cat.npz)')",
    ),
    (
        "--hparams=seed=3",
        "--hparams: malformed hyperparameters: seed is a flag of its own, --seed=VALUE; at "
        "character 1 (before 'seed=3')",
    ),
    (
        "--hparams=learning_rate=1e-7",
        "min_learning_rate must be <= learning_rate, got 1e-05 > 1e-07; lower min_learning_rate or "
        "raise learning_rate",
    ),
    # Flag files.
    ("--flagfile=nams.cfg", "--flagfile=nams.cfg: no such file; did you mean names.cfg?"),
    ("--flagfile=", "--flagfile has no value; name a file: --flagfile=NAME"),
    ("--flagfile=data", "--flagfile=data: a folder; name a file in it"),
    (
        "--flagfile=data/cat.npz",
        "--flagfile=data/cat.npz: not a text file in UTF-8; expected one --flag=value a line",
    ),
    (
        "--flagfile=slides.cfg",
        "slides.cfg, line 1: what is '––hparams=num_steps=5'? '–' comes from a word processor: "
        "type --hparams=num_steps=5",
    ),
    (
        "--flagfile=names.cfg",
        "names.cfg, line 3: what is 'hparams=num_steps=5'? did you mean --hparams=num_steps=5?",
    ),
    (
        "--flagfile=quotes.cfg",
        'quotes.cfg, line 1: --hparams="data_set=[cat.npz]": leave out the " around the value, '
        "which a shell would take away and a flag file does not",
    ),
    (
        "--flagfile=spaces.cfg",
        "spaces.cfg, line 1: --log_root = here: leave out the spaces around =, --log_root=VALUE",
    ),
    (
        "--flagfile=shell.cfg",
        "shell.cfg, line 1: leave out the \\ at its end: each line of a flag file is a flag",
    ),
    (
        "--flagfile=self.cfg",
        "self.cfg, line 2: --flagfile=self.cfg: this file is read already; leave the line out",
    ),
    (
        "--flagfile=valueless.cfg",
        "valueless.cfg, line 1: --data_dir has no value; write --data_dir=VALUE",
    ),
    (
        "--flagfile=windows.cfg",
        "dta/aaron_sheep.npz: no such file, because there is no folder dta; did you mean data?",
    ),
    # Files and folders.
    (
        "--data_dir=data|--hparams=data_set=[cta.npz]",
        "data/cta.npz: no such file; did you mean cat.npz?",
    ),
    (
        "--data_dir=data|--hparams=data_set=[data/cat.npz]",
        "data/data/cat.npz: no such file; the names are of files in data_dir: give cat.npz",
    ),
    (
        "--data_dir=data|--hparams=data_set=[text.npz]",
        "data/text.npz: not a zip archive, or cut short; copy or download the .npz file again",
    ),
    (
        "--data_dir=data|--hparams=data_set=[folder.npz]",
        "data/folder.npz: a folder; name the .npz files in it",
    ),
    (
        "--data_dir=.|--hparams=data_set=[a.svg]",
        "a.svg: not a data set, which is an .npz file; sketch_rnn_convert data makes one of "
        "drawings",
    ),
    (
        "--data_dir=data/cat.npz",
        "data_dir must be a folder or a URL, got the file data/cat.npz; name its folder",
    ),
    (
        "--data_dir=~nobody_here/x|--hparams=data_set=[cat.npz]",
        "~nobody_here/x/cat.npz: no such file, because there is no folder ~nobody_here/x; check "
        "data_dir",
    ),
    (
        "--data_dir=model|--hparams=data_set=[cat.npz]",
        "model/cat.npz: no such file; model has no .npz file, check data_dir",
    ),
    ("--data_dir=ftp://x.org", "ftp://x.org: data_dir must be a folder or an http(s) URL"),
    ("--log_root=", "--log_root is empty: name the run's folder"),
    ("--log_root=afile", "--log_root must be a folder, got 'afile'; there is a file of this name"),
    (
        "--save_image_dir=afile",
        "--save_image_dir must be a folder, got 'afile'; there is a file of this name",
    ),
    (
        "--resume_training|--overwrite",
        "give one of --resume_training and --overwrite, not both",
    ),
    (
        "--init_from=modle",
        "--init_from=modle: there is no such file or folder; did you mean model?",
    ),
    (
        "--init_from=data/cat.npz",
        f"--init_from=data/cat.npz: this file is no model; name {A_MODEL}",
    ),
    (
        "--init_optimizer|--data_dir=data",
        "init_optimizer goes with init_from, which is missing: give both, or neither",
    ),
]
DRAW = [
    (
        "",
        "--model_dir is missing: the --log_root of a run, a .keras file, a Magenta "
        "checkpoint directory, or a Sketch-RNN-JS file",
    ),
    ("model", "what is 'model'? did you mean --model_dir=model?"),
    ("--log_root=model", "unknown flag --log_root; did you mean --model_dir?"),
    (
        "--model_dir=modle",
        "--model_dir=modle: there is no such file or folder; did you mean model?",
    ),
    ("--model_dir=notes.txt", f"--model_dir=notes.txt: this file is no model; name {A_MODEL}"),
    (
        "--model_dir=bad.keras",
        "--model_dir=bad.keras: not a .keras file, or cut short; save it again, or restore it from "
        "a copy",
    ),
    ("--model_dir=model|20", "what is '20'? all settings are flags, --name=value"),
    (
        "--model_dir=model|--count=ten",
        "--count must be a whole number from 1 to 100000, got 'ten'; write it in digits only",
    ),
    (
        "--model_dir=model|--count=2000000000",
        "--count must be a whole number from 1 to 100000, got '2000000000'",
    ),
    (
        "--model_dir=model|--temperature=0,4",
        "--temperature must be a number, got '0,4'; write a decimal point, 0.4",
    ),
    *(
        (
            f"--model_dir=model|--temperature={value}",
            f"--temperature must be in (0, 1], got {value}; for no randomness at all give --greedy",
        )
        for value in ("0", "nan")
    ),
    *(
        (
            f"--model_dir=model|--scale={value}",
            f"--scale must be a number from 0 to 1e+06, got {got}",
        )
        for value, got in (("nan", "nan"), ("inf", "inf"), ("1e300", "1e+300"))
    ),
    ("--model_dir=model|--scale=-1", "--scale must be a number >= 0, got '-1'"),
    ("--model_dir=model|--scale=1", "--scale is for --reconstruct, which is missing"),
    (
        "--model_dir=model|--split=tset",
        "--split must be one of train, valid, test, got 'tset'; did you mean 'test'?",
    ),
    (
        "--model_dir=model|--reconstruct=x",
        f"--reconstruct=x: 'x' is not a number or a range; {NUMBERS}",
    ),
    (
        "--model_dir=model|--reconstruct=0–3",
        "--reconstruct=0–3: '0–3' is not a number or a range; '–' comes from a word processor: "
        "type -",
    ),
    (
        "--model_dir=model|--reconstruct=0,|1",
        "what is '1'? a value with spaces goes in quotes: '--reconstruct=0, 1'",
    ),
    (
        "--model_dir=model|--reconstruct=0-99|--count=1001",
        "--reconstruct names 100 sketches, which --count=1001 times over are more than 100000: "
        "draw them in several goes",
    ),
    (
        "--model_dir=model|--reconstruct=0|--data_set=[cat.npz]",
        "--data_set=[cat.npz]: leave out brackets and spaces, --data_set=A.npz,B.npz",
    ),
    (
        "--model_dir=model|--out=x.jpg",
        "--out=x.jpg: drawings are written as .svg, .png, .gif, .npz, .json, or to a folder",
    ),
    (
        "--model_dir=model|--out=afile/x.svg",
        "--out=afile/x.svg: afile is a file; name a place in a folder",
    ),
]
SWEEP = [
    ("", "--out is missing: folder for the study: its runs, measures and report"),
    ("study", "what is 'study'? all settings are flags, --name=value"),
    ("scale=1,2", "what is 'scale=1,2'? did you mean --sweep=scale=1,2?"),
    (
        "--out=study|--sweep=scale:1,2",
        "a sweep must be a name and values, got 'scale:1,2'; use for example scale=0.5,1,2,4",
    ),
    (
        "--out=study|--sweep=scael=1,2",
        "unknown hyperparameter 'scael' at character 1 (before 'scael=1'); did you mean 'scale'?",
    ),
    (
        "--out=study|--sweep=scale=1,-2",
        "scale must be a finite number >= 0, got '-2'; use for example scale=1.0",
    ),
    ("--out=study|--sweep=scale=1,1", "scale is to take the value 1 twice: leave out one"),
    (
        "--out=study|--sweep=z_size=8,9|--hparams=z_size=8|--data_dir=data|"
        "--hparams=data_set=[cat.npz]",
        "z_size is swept, and set among the hyperparameters too: leave out one",
    ),
    (
        "--out=study|--sweep=scale=1|--sweep=z_size=2|--sweep=kl_weight=0",
        "a sweep must have one or two hyperparameters, or other settings, got 3",
    ),
    ("--out=study|--setting=", "a setting must be name=value,..., got ''"),
    ("--out=study|--setting=scale=3 vs ", "a setting must be name=value,..., got ''"),
    (
        "--out=study|--setting=scael=3",
        "unknown hyperparameter 'scael' at character 1 (before 'scael=3'); did you mean 'scale'?",
    ),
    (
        "--out=study|--setting=scale=3 vs scael=1",
        "unknown hyperparameter 'scael' at character 1 (before 'scael=1'); did you mean 'scale'?",
    ),
    (
        "--out=study|--data_dir=data|--hparams=data_set=[cat.npz]|--setting=scale=3 vs scale=9",
        "scale 3 is to be compared with scale 9, which is no other setting of the sweep: add it",
    ),
    (
        "--out=study|--data_dir=data|--hparams=data_set=[cat.npz]|--setting=scale=2",
        "two settings would have the same folder, scale-2: leave out one",
    ),
    (
        "--out=study|--data_dir=data|--hparams=data_set=[cat.npz]|--sweep=",
        "a sweep must have one or two hyperparameters, or other settings, got 0",
    ),
    ("--out=study|--new=3", "--new must be a whole number >= 4, got '3'"),
    ("--out=study|--importance=-1", "--importance must be a whole number >= 0, got '-1'"),
    (
        "--out=study|--hparams=conditional=false",
        "scale has no effect with conditional=false: leave out one",
    ),
    ("--out=study|--seeds=one", f"--seeds=one: 'one' is not a number or a range; {NUMBERS}"),
    ("--out=study|--seeds=1,1", "a seed is given twice: leave out one"),
    (
        "--out=study|--seeds=0-5000",
        "--seeds names more than 1000 seeds: take them in several goes",
    ),
    ("--out=study|--jobs=0", "--jobs must be a whole number >= 1, got '0'"),
    (
        "--out=study|--noises=0,-1",
        "--noises must be numbers >= 0, got '0,-1'; use for example --noises=0,0.5,1",
    ),
    (
        "--out=study|--noises=0,x",
        "--noises must be numbers >= 0, got '0,x'; use for example --noises=0,0.5,1",
    ),
    ("--out=study|--temperature=0", "--temperature must be in (0, 1], got 0"),
    ("--out=study|--repeats=1", "--repeats must be a whole number >= 2, got '1'"),
    (
        "--out=study|--num_epochs=inf",
        "--num_epochs must be a finite number > 0, got 'inf'; use for example num_epochs=1",
    ),
    (
        "--out=study|--hparams=min_learning_rate=1",
        "min_learning_rate must be <= learning_rate, got 1.0 > 0.001; lower min_learning_rate or "
        "raise learning_rate",
    ),
    (
        "--out=study|--data_dir=data|--hparams=data_set=[cta.npz]",
        "data/cta.npz: no such file; did you mean cat.npz?",
    ),
    ("--out=model", "--out=model is the folder of a single run: name another one"),
    (
        "--out=study|--report_only",
        "--out=study holds no study: run one there, without --report_only",
    ),
]
CONVERT = [
    ("modle|--out=x", "what is 'modle'? did you mean model?"),
    (
        "zzzzzz",
        "what is 'zzzzzz'? the first word is one of data, inspect, mend, export, model, web",
    ),
    ("--out=x", "unknown flag --out; --help lists all flags"),
    ("--out=x|data|a.ndjson", "data goes first: sketch_rnn_convert data ..."),
]
# With the verb in front.
VERBS = [
    ("model|--outt=x", "unknown flag --outt; did you mean --out?"),
    ("model|birds", "what is 'birds'? all settings are flags, --name=value"),
    ("data|birds.ndjson", "--out is missing: name a folder for the .npz files"),
    (
        "data|birds.ndjosn|--out=x",
        "birds.ndjosn: no such file or folder; did you mean birds.ndjson?",
    ),
    ("data|kanji|--out=x", "kanji: no such file or folder; did you mean kanjivg?"),
    ("data|birds.ndjson|—out=x", "what is '—out=x'? '—' comes from a word processor: type --out=x"),
    ("data|birds.ndjson|out=x", "what is 'out=x'? did you mean --out=x?"),
    (
        "data|“birds.ndjson”|--out=x",
        "what is '“birds.ndjson”'? '“' comes from a word processor: type \"",
    ),
    (
        "data|birds.ndjson|--out=x.npz",
        "--out=x.npz: name a folder; its files are named for the classes",
    ),
    (
        "data|birds.ndjson|--out=x|--shares=80%,10%,10%",
        "--shares must be three whole numbers, for train, valid and test, each from 1 to "
        "1,000,000,000, got '80%,10%,10%'; use for example --shares=90,5,5",
    ),
    ("inspect|data", "data: a folder; name the .npz files in it"),
    (
        "inspect|data/cat.npz|--json=data",
        "--json must be a file, got 'data'; there is a folder of this name",
    ),
    (
        "inspect|birds.ndjson",
        "birds.ndjson: drawings as text, not a data set (.npz); `sketch_rnn_convert data "
        "birds.ndjson --out=FOLDER --format=quickdraw` makes one of them",
    ),
    ("export|data/cta.npz|--out=x", "data/cta.npz: no such file; did you mean cat.npz?"),
    (
        "export|data/cat.npz|--out=x|--split=dev",
        "--split must be one of all, train, valid, test, got 'dev'",
    ),
    (
        "model|--model_dir=model|--out=x.onnx",
        "--out=x.onnx: models are written as NAME.json (Sketch-RNN-JS), NAME.keras or "
        "NAME.weights.h5 (Keras) or a folder (Magenta); say which with --to if the name is meant",
    ),
    (
        "model|--model_dir=model|--out=data",
        "--out=data is there already and not an empty folder: name another one",
    ),
    (
        "web|--model_dir=model|--model_dir=model|--out=x.html|--name=cat",
        "--name must be given once for each --model_dir, or not at all: there are 2 models and 1 "
        "names",
    ),
]
# What is a run's, or a part of its folder, that cannot be used ends in status 1.
STATUS_1 = [
    (
        "--model_dir=data",
        "data is not a trained model: model_config.json is missing (it holds bus.npz, cat.npz, "
        f"folder.npz, text.npz); name {A_MODEL}",
    ),
    (
        "--model_dir=empty",
        f"empty is not a trained model: model_config.json is missing (it is empty); name {A_MODEL}",
    ),
    (
        "--model_dir=damaged",
        "damaged/model_config.json: hyperparameters are not valid JSON: Expecting value at line 1, "
        "character 12; correct the file or restore it from a copy",
    ),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with some data, a run, and files of other kinds."""
    root = tmp_path_factory.mktemp("newcomer")
    for name in ("data/folder.npz", "empty", "damaged"):
        (root / name).mkdir(parents=True)
    for name in ("cat", "bus"):
        shutil.copy(DATA / "tiny.npz", root / "data" / f"{name}.npz")
    for name in ("afile", "notes.txt", "a.svg", "bad.keras", "data/text.npz"):
        (root / name).write_text("hello\n")
    (root / "birds.ndjson").write_text('{"word":"bird","key_id":"1","drawing":[[[0,5],[0,5]]]}\n')
    RunFolder(root / "model").create(RunConfig(normalizing_factor=1.0))
    RunFolder(root / "damaged").create(RunConfig(normalizing_factor=1.0))
    (root / "damaged" / "model_config.json").write_text('{"z_size": ')
    for name, text in FLAG_FILES.items():
        (root / name).write_text(text, encoding="utf-8", newline="")
    return root


def contents(root):
    return {path: path.stat().st_mtime_ns for path in root.rglob("*")}


def rows(table):
    return pytest.mark.parametrize(("typed", "message"), table, ids=[row[0] for row in table])


@pytest.fixture
def assert_refused(place, monkeypatch, call):
    """Run a program in the folder: nothing but the one line comes of it."""
    monkeypatch.chdir(place)

    def check(program, module, typed, message, status=2):
        before = contents(place)
        words = typed.split("|") if typed else []
        assert call(module, program, *words) == (status, "", f"{program}: error: {message}\n")
        assert contents(place) == before

    return check


@rows(TRAIN)
def test_train(assert_refused, typed, message):
    assert_refused("sketch_rnn_train", sketch_rnn_train, typed, message)


@rows(FOLDERS)
def test_a_folder_with_a_run_or_without(assert_refused, typed, message):
    assert_refused("sketch_rnn_train", sketch_rnn_train, typed, message, status=1)


@rows(DRAW)
def test_draw(assert_refused, typed, message):
    assert_refused("sketch_rnn_draw", draw, typed, message)


@rows(SWEEP)
def test_sweep(assert_refused, typed, message):
    assert_refused("sketch_rnn_sweep", sweep, typed, message)


@rows(CONVERT)
def test_convert(refused, typed, message):
    assert refused(*typed.split("|")) == f"sketch_rnn_convert: error: {message}"


@rows(VERBS)
def test_a_verb_of_convert(run_convert, monkeypatch, place, typed, message):
    monkeypatch.chdir(place)
    before = contents(place)
    verb, *words = typed.split("|")
    line = f"sketch_rnn_convert {verb}: error: {message}\n"
    assert run_convert(verb, *words) == (2, "", line)
    assert contents(place) == before


@rows(STATUS_1)
def test_a_folder_that_is_no_model(assert_refused, typed, message):
    assert_refused("sketch_rnn_draw", draw, typed, message, status=1)


def test_a_home_folder_is_meant_by_a_tilde(place, monkeypatch, call):
    """Of a flag a shell leaves ~ as it is: it would be a folder of this name."""
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.chdir(place / "empty")
    _, _, errors = call(draw, "sketch_rnn_draw", "--model_dir=~/modle", "--out=~/x.svg")
    assert f"--model_dir={place}/modle: there is no such file or folder; did you mean" in errors
    assert draw.FLAGS.out == f"{place}/x.svg"
