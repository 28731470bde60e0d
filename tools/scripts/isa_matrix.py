#!/usr/bin/env python3
"""Runs the library's tests on every instruction set and on CPUs that this machine is not.

    isa_matrix.py [--reduced] [--quick] [--only MACHINE[,MACHINE...]] [--require ISA,ISA...] [--plant ISA] [--json FILE]

this CPU     each ISA that it supports, forced in turn by ATTNPOOL_ISA
old CPUs     the same binary under qemu-x86_64: the right path is chosen and no instruction is illegal. An instruction
             that such a CPU lacks is executed too, and must kill the process: so the emulator would have caught one.
aarch64      the same tests cross-compiled and run under qemu-aarch64
Bochs        the same tests on an emulated PC with AVX-512, under Debian's kernel (tools/bochs); and on one whose CPU has
             AVX-512 but whose kernel leaves it off, where AVX-512 must kill and must not be chosen

The hashes of results that the tests print must agree between all rows with the same kind of arithmetic (with or without
fused multiply-add). Rows of this CPU run at ATTNPOOL_TEST_SCALE=100 (ctest runs its ISAs at full size, not forced); emulated
ones at 1000, since emulation is some hundred times slower, and two at a time. Needs the release build (tools/test makes it)
and the packages of `tools/setup --matrix`.
--reduced    all rows at 1000, the best ISA of each CPU only, few tests on most, AVX-512 by Bochs only if this CPU lacks it
--only       the machines whose name has that text; requires nothing
--plant      makes a fault in the exponential of that ISA first: its rows must fail, and no others
Exit code 1: a test failed, or an ISA of --require (those that this CPU has, avx512 and neon) did not run.
"""
import argparse
import concurrent.futures
import glob
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build/release")
CROSS_BUILD = os.path.join(ROOT, "build/aarch64-cross")
TESTS, STATIC = "attnpool_tests", "attnpool_tests_static"
EMULATED_SCALE, NATIVE_SCALE = 1000, 100  # ctest runs every ISA of this CPU at full size

# CPU of qemu-x86_64: (ISAs that must be supported, instruction that must kill, whether the best ISA runs more than FEW in the
# reduced matrix)
CPUS = {
    "core2duo": ("scalar sse2", "avx", True),
    "Nehalem": ("scalar sse2", "avx", False),
    "SandyBridge": ("scalar sse2", "avx2", False),
    "Haswell": ("scalar sse2 avx2", "avx512", True),
    "Haswell,-fma": ("scalar sse2", "fma", False),
    "Haswell,-xsave": ("scalar sse2", "avx", False),
}
NOT_REDUCED = "Failures.*:Window.IsRight*:*CApiBits.SelectBandwidth*:Progress.*:ThreadCount.*:*SelectionBatch*:*SelectBandwidthBatch*"  # slow where many threads are emulated, and the same on every ISA
FEW = "*PoolSpecial*:*Exp.*:*Batch*:Isa.*:IsaBits.*"
MORE = FEW + ":*Softmax*:*/Pool.*:*/Gradient.*:*/Fit.*:*/State.*:*/PlanTest.*"
# Bochs is slower still, and its machine has little memory, no data and no other users.
NOT_IN_BOCHS = NOT_REDUCED + ":Process.*:CApi*:Plan.*:Accuracy*:Reference*:Isa.ABad*"
# Its CPU model says less about how it saves registers than Debian's kernel believes: without these words the kernel gives up
# on all of AVX, which is what the second machine is for.
AVX512_ON = ["noxsaves", "clearcpuid=xsavec,pku"]
SIGILL = 4


class Machine:
    """Something that runs the tests: this CPU, or an emulator of another."""

    def __init__(self, name, binary, emulator=None, **environment):
        self.name, self.binary, self.emulator, self.environment = name, binary, emulator, environment

    def run(self, arguments, isa="", scale=EMULATED_SCALE):
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("ATTNPOOL_", "GTEST_"))}
        clean.update(self.environment, ATTNPOOL_ISA=isa, ATTNPOOL_TEST_SCALE=str(scale))
        clean["OMP_WAIT_POLICY"] = "passive"  # threads that spin would wait for the emulator of the others
        if self.emulator:
            clean["ATTNPOOL_TEST_EMULATOR"] = self.emulator
        command = ([self.emulator] if self.emulator else []) + [self.binary, *arguments]
        result = subprocess.run(command, env=clean, capture_output=True, text=True, errors="replace", timeout=1800)
        return result.returncode, result.stdout, result.stderr

    def probe(self, what):
        status, output, _ = self.run(["--probe", what])
        return status, output.strip()


class Bochs(Machine):
    """A PC that starts once, and does all that will be asked of it."""

    def __init__(self, name, binary, folder, kernel_options):
        super().__init__(name, binary)
        self.folder, self.kernel_options, self.results = os.path.join(ROOT, "build/bochs", folder), kernel_options, {}

    def start(self, requests):
        os.makedirs(self.folder, exist_ok=True)
        runs = os.path.join(self.folder, "runs")
        with open(runs, "w") as file:
            for arguments, isa in requests:
                file.write(f"ATTNPOOL_ISA={isa} ATTNPOOL_TEST_SCALE={EMULATED_SCALE} OMP_WAIT_POLICY=passive {' '.join(arguments)}\n")
        result = subprocess.run([os.path.join(ROOT, "tools/bochs/run"), self.binary, runs, self.folder, *self.kernel_options],
                                capture_output=True, text=True, errors="replace", timeout=3600)
        serial = os.path.join(self.folder, "serial.txt")
        text = open(serial, errors="replace").read().replace("\r", "") if os.path.exists(serial) else ""
        ended = re.findall(r"^RUN\n(.*?)\nEND (-?\d+)$", text, re.M | re.S)
        for request, (output, status) in zip(requests, ended):
            self.results[str(request)] = int(status), output, ""
        if result.returncode != 0 or len(ended) != len(requests):
            raise RuntimeError(f"{len(ended)} of {len(requests)} runs ended: {(text + result.stderr)[-800:]}")

    def run(self, arguments, isa="", scale=EMULATED_SCALE):
        return self.results[str((arguments, isa))]


class Report:
    def __init__(self, reduced):
        self.reduced = reduced
        self.rows, self.faults, self.hashes = [], [], {}
        self.tests_on = {}  # ISA: tests run on it, over all rows

    def fault(self, machine, text):
        self.faults.append(f"{machine}: {text}")
        print(f"fault: {machine}: {text}", flush=True)

    def row(self, machine, isa, run="", failed="", skipped="", seconds="", remark=""):
        self.rows.append((machine, isa, run, failed, skipped, seconds, remark))
        print(f"{machine}, {isa}: {remark or f'{run} tests run, {failed} failed, {skipped} skipped, {seconds} s'}", flush=True)

    def arguments(self, isa, isas, only="*", without=""):
        """The tests of one ISA, and those of no ISA."""
        left_out = [f"*/{other}" for other in isas if other != isa] + [NOT_REDUCED] * self.reduced + [without] * bool(without)
        return ["--gtest_color=no", f"--gtest_filter={only}-{':'.join(left_out)}"]

    def tests(self, machine, isa, arguments, scale=EMULATED_SCALE):
        start = time.monotonic()
        status, output, errors = machine.run(arguments, isa, scale)
        seconds = round(time.monotonic() - start) if not isinstance(machine, Bochs) else machine.seconds
        ended = {verdict: sorted(set(re.findall(rf"\[ *{verdict} *\] (\S+?)(?:, where .*)? \(\d+ ms\)$", output, re.M)))
                 for verdict in ("OK", "FAILED", "SKIPPED")}
        for name in ended["FAILED"]:
            self.fault(machine.name, f"{isa}: {name} failed")
        if not re.search(r"^\[==========\] \d+ tests? .* ran", output, re.M):
            self.fault(machine.name, f"{isa}: died, exit {status}: {(output + errors)[-400:]}")
        elif status != 0 and not ended["FAILED"]:
            self.fault(machine.name, f"{isa}: exit {status}: {output[-400:]}")
        on_it = re.search(rf"^\[ ISAs .*\b{isa}: (\d+)", output, re.M)
        on_it = int(on_it[1]) if on_it else 0
        if on_it == 0:
            self.fault(machine.name, f"no test ran on {isa}")
        self.tests_on[isa] = self.tests_on.get(isa, 0) + on_it
        ran = len(ended["OK"]) + len(ended["FAILED"])
        self.row(machine.name, isa, ran, len(ended["FAILED"]), len(ended["SKIPPED"]), seconds)
        for function, family, value in re.findall(r"\[ hash     \] (\S+) (with\w* FMA): (\w+)", output):
            values = self.hashes.setdefault((scale, function, family), {})
            values.setdefault(value, []).append(f"{isa} on {machine.name}")

    def compare_hashes(self):
        for (_, function, family), values in self.hashes.items():
            if len(values) > 1:
                self.fault("hashes", f"{function} {family}: " + "; ".join(f"{v} {', '.join(where)}" for v, where in values.items()))

    def table(self):
        lines = [("machine", "ISA", "run", "failed", "skipped", "seconds", ""), *[tuple(map(str, row)) for row in self.rows]]
        widths = [max(len(line[i]) for line in lines) for i in range(6)]
        for line in lines:
            cells = [line[i].ljust(widths[i]) if i < 2 else line[i].rjust(widths[i]) for i in range(6)]
            print(("  ".join(cells) + "  " + line[6]).rstrip())
        print("tests on each ISA, over all rows:", ", ".join(f"{isa} {count}" for isa, count in self.tests_on.items()))
        print(len({key[1:] for key in self.hashes}), "hashes of results",
              "agree wherever they were computed" if all(len(v) == 1 for v in self.hashes.values()) else "of which not all agree")


def build(folder, target):
    result = subprocess.run(["cmake", "--build", folder, "--parallel", "--target", target], capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"building {target}: {(result.stdout + result.stderr)[-2000:]}")
    return os.path.join(folder, target)


def planted(folder, target, isa):
    """A copy of a test program whose kernels of one ISA have a wrong exponential."""
    build(folder, target)
    place = os.path.join(folder, "planted")
    for part in ("simd", "src"):
        shutil.copytree(os.path.join(ROOT, part), os.path.join(place, part), dirs_exist_ok=True)
    path = os.path.join(place, "simd/exp-inl.hpp")
    text = open(path).read()
    right, wrong = "Lanes<T> q(P::c[P::terms - 1]);", "Lanes<T> q(P::c[0]);"
    assert text.count(right) == 1, f"{right} is no longer in simd/exp-inl.hpp: choose another fault"
    with open(path, "w") as file:
        file.write(text.replace(right, wrong))
    commands = subprocess.run(["ninja", "-C", folder, "-t", "commands", target], capture_output=True, text=True, check=True)
    commands = [line for line in commands.stdout.splitlines() if not line.startswith("ninja:")]
    source, bad = f"simd/{isa}.cpp", os.path.join(place, target + ".o")
    compile_it = next(line for line in commands if f" -c {ROOT}/{source}" in line)
    compile_it = re.sub(r" -o \S+", f" -o {bad}", compile_it).replace(f"{ROOT}/{source}", os.path.join(place, source))
    # Of an archive only what is still missing is linked: not the right routines.
    link = re.sub(rf" -o {target}\b", f" -o planted/{target}", commands[-1])
    for command in (compile_it, re.sub(r"(\S*libattnpool\.a)", rf"{bad} \1", link, count=1)):
        subprocess.run(command, shell=True, cwd=folder, check=True)
    return os.path.join(place, target)


def probed(report, machine, expected, deadly=None, harmless=None):
    """Whether the machine is the one that is wanted: what it supports, what it chooses, what kills it."""
    supported = machine.probe("supported")[1].split()
    if supported != expected:
        report.fault(machine.name, f"supports {supported}; it should be {expected}")
    best = machine.probe("isa")[1]
    if best != expected[-1]:
        report.fault(machine.name, f"chooses {best!r} by itself")
    if deadly:
        status = machine.probe("instruction:" + deadly)[0]
        if status not in (-SIGILL, 128 + SIGILL):
            report.fault(machine.name, f"negative control: {deadly} gave {status}, not a death by SIGILL")
    if harmless and machine.probe("instruction:" + harmless) != (0, "executed"):
        report.fault(machine.name, f"positive control: {harmless} was not executed")


def main():
    parser = argparse.ArgumentParser(usage=__doc__.splitlines()[2].strip())
    parser.add_argument("--reduced", action="store_true")
    parser.add_argument("--quick", action="store_true", help="--reduced, and of its tests the few that differ from ISA to ISA")
    parser.add_argument("--only", default="", metavar="MACHINE[,MACHINE...]")
    parser.add_argument("--require", default="")
    parser.add_argument("--plant", default="", metavar="ISA")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    options.reduced |= options.quick
    more = FEW if options.quick else MORE
    start = time.monotonic()
    report = Report(options.reduced)
    info = subprocess.run([os.path.join(BUILD, "attnpool"), "info", "--json"], capture_output=True, text=True,
                          env={k: v for k, v in os.environ.items() if not k.startswith("ATTNPOOL_")}, check=True)
    info = json.loads(info.stdout)
    compiled, supported = info["compiled"], info["supported"]

    def program(folder, target, isas):
        return planted(folder, target, options.plant) if options.plant in isas else build(folder, target)

    def this_cpu():
        machine = Machine("this CPU", program(BUILD, TESTS, compiled))
        for isa in compiled:
            if isa in supported:
                arguments = report.arguments(isa, compiled, MORE if options.quick else "*")
                report.tests(machine, isa, arguments, EMULATED_SCALE if options.reduced else NATIVE_SCALE)
            else:
                report.row(machine.name, isa, remark="skipped: this CPU or its operating system lacks it")
        if not options.reduced:  # once more at the scale of the emulators, for the hashes
            for isa in supported:
                report.tests(machine, isa, report.arguments(isa, compiled, "IsaBits.*"))

    def old_cpu(cpu):
        expected, deadly, thorough = CPUS[cpu]
        # qemu 7.2 reads all of memory that a masked load of AVX names, which a CPU does not: no guard pages there.
        guards = "off" if "avx2" in expected else "on"
        binary = os.path.join(BUILD, "planted" if options.plant in compiled else "", TESTS)
        machine = Machine("qemu " + cpu, binary, "qemu-x86_64", QEMU_CPU=cpu, ATTNPOOL_TEST_GUARDS=guards)
        isas = expected.split()
        probed(report, machine, isas, deadly, "sse2")
        for isa in isas[-1:] if options.reduced else isas:
            only = FEW if isa != isas[-1] else "*" if not options.reduced else more if thorough else FEW
            report.tests(machine, isa, report.arguments(isa, compiled, only))

    def aarch64():
        if not shutil.which("aarch64-linux-gnu-g++") or not shutil.which("qemu-aarch64"):
            report.row("qemu aarch64", "neon", remark="skipped: no cross compiler or emulator (tools/setup --matrix)")
            return
        configured = subprocess.run(["cmake", "--preset", "aarch64-cross"], cwd=ROOT, capture_output=True, text=True)
        if configured.returncode != 0:
            raise RuntimeError((configured.stdout + configured.stderr)[-2000:])
        binary = program(CROSS_BUILD, TESTS, ["neon"])
        machine = Machine("qemu aarch64", binary, "qemu-aarch64", QEMU_LD_PREFIX="/usr/aarch64-linux-gnu")
        isas = ["scalar", "neon"]
        probed(report, machine, isas)
        for isa in isas[-1:] if options.reduced else isas:
            whole = isa == "neon" and not options.reduced
            report.tests(machine, isa, report.arguments(isa, isas, "*" if whole else more if isa == "neon" else FEW))

    def bochs(name, folder, kernel_options, isas, only):
        machine = Bochs(name, program(BUILD, STATIC, compiled), folder, kernel_options)
        arguments = report.arguments(isas[-1], compiled, only, NOT_IN_BOCHS)
        probes = ["supported", "isa", "instruction:avx512", "instruction:sse2"]
        begin = time.monotonic()
        machine.start([(["--probe", probe], "") for probe in probes] + [(arguments, isas[-1])])
        machine.seconds = round(time.monotonic() - begin)
        probed(report, machine, isas, *([None, "avx512"] if isas[-1] == "avx512" else ["avx512", "sse2"]))
        report.tests(machine, isas[-1], arguments)

    every = ["scalar", "sse2", "avx2", "avx512"]
    jobs = {f"qemu {cpu}": lambda cpu=cpu: old_cpu(cpu) for cpu in CPUS}
    if "avx512" in compiled:
        if not options.reduced or "avx512" not in supported:
            on = FEW if options.reduced else "*"
            jobs["Bochs AVX-512"] = lambda: bochs("Bochs AVX-512", "on", AVX512_ON, every, on)
        jobs["Bochs AVX-512 off"] = lambda: bochs("Bochs AVX-512 off", "off", [], every[:2], "*PoolSpecial*")
    jobs = {"qemu aarch64": aarch64, **jobs}  # it compiles first
    wanted = options.only.split(",")
    jobs = {name: job for name, job in jobs.items() if any(only in name for only in wanted)}

    def guarded(name, job):
        try:
            job()
        except Exception as error:  # one machine that does not start takes no other with it
            report.fault(name, f"{type(error).__name__}: {error}")

    if any(only in "this CPU" for only in wanted):
        guarded("this CPU", this_cpu)
    elif options.plant in compiled:
        planted(BUILD, TESTS, options.plant)
    with concurrent.futures.ThreadPoolExecutor(min(2, os.cpu_count())) as pool:
        list(pool.map(lambda name: guarded(name, jobs[name]), jobs))

    required = options.require.split(",") if options.require else [] if options.only else supported + ["neon"]
    if not options.require and not options.only and not options.reduced and "avx512" not in required:
        required.append("avx512")
    for isa in required:
        if not report.tests_on.get(isa):
            report.fault("required", f"no test ran on {isa}")
    report.compare_hashes()
    print()
    order = ["this CPU", *jobs]
    report.rows.sort(key=lambda row: order.index(row[0]))
    report.table()
    print("required:", ", ".join(required) or "nothing")
    red = sorted({row[1] for row in report.rows if row[3]})
    if options.plant:
        print(f"planted in {options.plant}; rows with failed tests are of: {', '.join(red) or 'no ISA'}")
    print(f"ISA matrix: {'all passed' if not report.faults else f'{len(report.faults)} faults'}, {(time.monotonic() - start) / 60:.1f} minutes")
    for fault in report.faults if not options.plant else []:
        print("fault:", fault)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"rows": report.rows, "tests": report.tests_on, "faults": report.faults}, file)
    if options.plant:
        return 0 if red == [options.plant] else 1
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
