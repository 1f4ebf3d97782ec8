"""Rules about model files: what a loader would run, and where two readers of one file would see different things."""

from __future__ import annotations

from typing import Final

from leyden.audit.finding import Rule, Severity

_CONVERT: Final = "Do not load it. Take the weights from their source, as safetensors."
_READERS: Final = (
    "Readers of the same file then see different contents: a scanner looks at one and the program that loads the file "
    "runs the other."
)
_SOURCE: Final = (
    "Take the file from its source again and compare digests. If it is yours, write it again with `torch.save`."
)

RUNS_CODE: Final = Rule(
    id="LEY101",
    name="pickle-runs-code",
    title="A pickle runs code when it is loaded",
    severity=Severity.CRITICAL,
    cwe=502,
    why="Loading a pickle calls whatever it names. This one names what starts programs, evaluates code, opens files or "
    "connections, or reaches such functions: no model needs that.",
    mend="Delete the file, find out where it came from and who has loaded it, and treat their machines as compromised. "
    + _CONVERT,
    bad=("cos\\nsystem\\n(S'id'\\ntR.",),
    good=("ccollections\\nOrderedDict\\n)R.",),
)
UNKNOWN_NAME: Final = Rule(
    id="LEY102",
    name="pickle-unknown-name",
    title="A pickle imports a name that is not known to be harmless",
    severity=Severity.HIGH,
    cwe=502,
    why="Loading it imports the module, which runs the module's code, and may call the name with arguments that the "
    "file "
    "chooses. Lists of bad names are never complete, so every name counts that is not on the list of harmless ones.",
    mend="If you know the name and trust the file's origin, load it once with the program that wrote it, on a "
    "machine that holds nothing of value, save its `state_dict` as safetensors and keep only that. "
    "Otherwise do not load it.",
)
OBJECTS: Final = Rule(
    id="LEY103",
    name="pickled-objects",
    title="A file holds whole pickled objects instead of weights",
    severity=Severity.MEDIUM,
    cwe=502,
    why="Whole modules and estimators load only with `weights_only=False` or plain `pickle`, which run whatever the "
    "file "
    "names. Whoever can replace the file then runs code where it is loaded, and it breaks with the next release.",
    mend="Keep the `state_dict` and build the object in code. scikit-learn: `skops`. torch: `save_file` of "
    "safetensors; `leyden convert` takes checkpoints that hold data alone.",
)
MUTATES: Final = Rule(
    id="LEY104",
    name="pickle-changes-imports",
    title="A pickle changes what it imported, or uses an operation on what it is not for",
    severity=Severity.CRITICAL,
    cwe=502,
    why="Without any call, BUILD, SETITEM and APPEND on an imported module, class or tensor replace functions that the "
    "program calls later, or write outside of memory that belongs to the tensor.",
    mend=_CONVERT,
    advisories=("CVE-2026-24747",),
)
HIDDEN_NAME: Final = Rule(
    id="LEY105",
    name="pickle-hides-name",
    title="A pickle hides what it imports or calls",
    severity=Severity.HIGH,
    cwe=502,
    why="Names that are computed while the file is read, the extension registry, and calls of what another call "
    "answered "
    "serve nobody but those who want to pass a scanner.",
    mend=_CONVERT,
)
BROKEN: Final = Rule(
    id="LEY106",
    name="pickle-broken",
    title="A pickle breaks off after it has imported something",
    severity=Severity.HIGH,
    cwe=502,
    why="An unpickler runs everything up to the place where a file breaks. A payload followed by garbage runs, and "
    "scanners that want a whole file skip it.",
    mend=_SOURCE,
)
AMBIGUOUS: Final = Rule(
    id="LEY107",
    name="pickle-ambiguous",
    title="Unpicklers read this pickle differently",
    severity=Severity.HIGH,
    cwe=436,
    why="Operations across the end of a frame and texts of Python 2 beyond ASCII are read by one unpickler and stop "
    "another. " + _READERS,
    mend=_SOURCE,
)
TRAILING: Final = Rule(
    id="LEY108",
    name="pickle-trailing-data",
    title="Something follows the end of a pickle",
    severity=Severity.MEDIUM,
    cwe=436,
    why="A program that reads on loads a second pickle, and a file that is two formats at once shows each reader "
    "another "
    "content.",
    mend=_SOURCE,
)
ARGUMENTS: Final = Rule(
    id="LEY109",
    name="pickle-strange-arguments",
    title="A harmless name is called with arguments that no program writes",
    severity=Severity.HIGH,
    cwe=20,
    why="Functions that are safe with their usual arguments are not with others: they allocate without limit, read "
    "past "
    "the end of a tensor, or call what they are given.",
    mend=_CONVERT,
    advisories=("CVE-2026-24747",),
)
COSTS: Final = Rule(
    id="LEY110",
    name="file-bomb",
    title="A small file makes its reader allocate far more than it holds",
    severity=Severity.HIGH,
    cwe=409,
    why="Compressed records, lengths and counts without contents take the memory of the machine that loads the file. "
    "torch.load inflates compressed records without a limit.",
    mend="Delete it, or take it from its source again. torch never compresses records: write yours with `torch.save`.",
)
CONTAINER: Final = Rule(
    id="LEY120",
    name="archive-disagrees",
    title="An archive contradicts itself",
    severity=Severity.HIGH,
    cwe=436,
    why="Two members of one name, local headers that differ from the directory, or members that are in one of the two "
    "only. torch takes the first of two members and compares names without case; Python's zipfile takes the last. "
    + _READERS,
    mend=_SOURCE,
)
ODD_CONTAINER: Final = Rule(
    id="LEY121",
    name="archive-odd",
    title="An archive has what the programs that write models never write",
    severity=Severity.MEDIUM,
    cwe=436,
    why="Bytes before the first member or after the end, comments, unusual flags, versions and methods: some "
    "readers take "
    "such archives and others refuse them. " + _READERS,
    mend=_SOURCE,
)
ESCAPES: Final = Rule(
    id="LEY122",
    name="path-leaves-directory",
    title="A name in a file leads out of the file's directory",
    severity=Severity.HIGH,
    cwe=22,
    why="Whoever unpacks the archive, or follows the reference, writes or reads outside of the directory that was "
    "meant.",
    mend="Do not unpack it. Take the file from its source again.",
)
MISLABELLED: Final = Rule(
    id="LEY130",
    name="suffix-contradicts-content",
    title="A file's name promises another format than it has",
    severity=Severity.HIGH,
    cwe=434,
    why="A reader that goes by the name treats it as harmless, a loader that goes by the content unpickles it.",
    mend="Do not load it. If it is yours, give it the name of its format.",
)
SAFETENSORS: Final = Rule(
    id="LEY131",
    name="safetensors-malformed",
    title="A safetensors file has more than one meaning",
    severity=Severity.MEDIUM,
    cwe=436,
    why="Duplicate names, overlapping or missing ranges and bytes that belong to no tensor are read differently by "
    "different libraries, and hide data.",
    mend="Write it again with `safetensors.torch.save_file` from a copy that you trust.",
)
OBJECT_ARRAY: Final = Rule(
    id="LEY132",
    name="numpy-objects",
    title="A numpy file holds Python objects",
    severity=Severity.MEDIUM,
    cwe=502,
    why="Arrays of objects are pickles: they load only with `allow_pickle=True`, which runs whatever the file names.",
    mend="Store numbers or fixed-width text: `np.save(path, array.astype(str), allow_pickle=False)`.",
)
LEGACY_TAR: Final = Rule(
    id="LEY140",
    name="torch-legacy-tar",
    title="A torch file is in the tar format of 2016",
    severity=Severity.HIGH,
    cwe=502,
    why="No torch since 0.1.10 writes it. torch before 2.6 unpickles it without any restriction even with "
    "`weights_only=True`.",
    mend="Use torch 2.6 or newer, which refuses it, and take the weights in another format.",
    advisories=("CVE-2025-32434", "GHSA-53q9-r3pm-6pq6"),
)
NATIVE_CODE: Final = Rule(
    id="LEY141",
    name="native-code",
    title="A model archive holds native code",
    severity=Severity.HIGH,
    cwe=829,
    why="Loading the model loads the library into the process. Nothing can be said about what it does.",
    mend="Load it only if you built it yourself; otherwise take the exported graph and compile it.",
)
TORCHSCRIPT: Final = Rule(
    id="LEY142",
    name="torchscript-touches-files",
    title="A TorchScript program reads or writes files",
    severity=Severity.HIGH,
    cwe=829,
    why="A TorchScript file is a program that runs when the model is called. This one uses operators that read or "
    "write "
    "files on the machine, which no model needs.",
    mend="Do not run it. Ask for the weights as safetensors.",
)
NAMES_CODE: Final = Rule(
    id="LEY143",
    name="hyperparameter-names-code",
    title="A hyperparameter in a checkpoint names code",
    severity=Severity.HIGH,
    cwe=470,
    why="`load_from_checkpoint` of Lightning before 2.6.6 imports and calls what these hyperparameters name, in "
    "spite of "
    "`weights_only=True`.",
    mend="Use Lightning 2.6.6 or Leyden, neither of which follows them, and remove the hyperparameter.",
    advisories=("CVE-2026-58659", "GHSA-qqmf-gpg7-g8gw", "PYSEC-2026-3624"),
)
STORAGE: Final = Rule(
    id="LEY144",
    name="storage-size",
    title="A tensor's storage has another size than the pickle says",
    severity=Severity.HIGH,
    cwe=125,
    why="Tensors over a storage that is shorter than declared read memory that is not theirs.",
    mend=_SOURCE,
    advisories=("CVE-2026-24747",),
)
KERAS_CODE: Final = Rule(
    id="LEY150",
    name="keras-code",
    title="A Keras model holds code or imports it",
    severity=Severity.CRITICAL,
    cwe=502,
    why="A Lambda layer holds marshalled Python code that runs with the model, and a configuration that names other "
    "modules imports them. Keras stops only some of it, and only with `safe_mode=True`.",
    mend="Ask for the model without Lambda layers, and load it with `safe_mode=True` in a Keras that is up to date.",
    advisories=("CVE-2024-3660", "CVE-2025-1550"),
)
HDF5: Final = Rule(
    id="LEY151",
    name="hdf5-not-parsed",
    title="An HDF5 file is recognized and not parsed",
    severity=Severity.INFO,
    cwe=None,
    why="Its arrays are data. A Keras model in it may hold a configuration with code, which is looked for by its "
    "words only.",
    mend="Load Keras models with `safe_mode=True`.",
)
OPAQUE: Final = Rule(
    id="LEY160",
    name="cannot-look-into",
    title="A file is in a form that cannot be looked into",
    severity=Severity.MEDIUM,
    cwe=None,
    why="It is encrypted or compressed in a way that the auditor has no reader for: anything can be inside.",
    mend="Unpack it in an empty directory and audit that, or leave it out on purpose with `exclude`.",
    blind=True,
)
UNKNOWN_FORMAT: Final = Rule(
    id="LEY161",
    name="unknown-model-format",
    title="A model file is in no known format",
    severity=Severity.MEDIUM,
    cwe=None,
    why="Its name says that programs load it, and its content is of no format that the auditor knows, or too "
    "damaged to "
    "tell. The audit says nothing about it.",
    mend="Delete it, take it from its source again, or leave it out on purpose with `exclude`.",
    blind=True,
)
TOO_LONG: Final = Rule(
    id="LEY162",
    name="pickle-too-long",
    title="A pickle is too long to be read to its end",
    severity=Severity.MEDIUM,
    cwe=400,
    why="The audit stops at a limit, and says nothing about the rest.",
    mend="Keep large data in arrays or tables instead of pickles.",
    blind=True,
)

ARTIFACTS: Final[tuple[Rule, ...]] = (
    RUNS_CODE, UNKNOWN_NAME, OBJECTS, MUTATES, HIDDEN_NAME, BROKEN, AMBIGUOUS, TRAILING, ARGUMENTS, COSTS,
    CONTAINER, ODD_CONTAINER, ESCAPES, MISLABELLED, SAFETENSORS, OBJECT_ARRAY, LEGACY_TAR, NATIVE_CODE, TORCHSCRIPT,
    NAMES_CODE, STORAGE, KERAS_CODE, HDF5, OPAQUE, UNKNOWN_FORMAT, TOO_LONG,
)  # fmt: skip
