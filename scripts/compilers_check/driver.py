"""A program that is asked many things, as a compiler is for many files: a line for each, and a line of JSON back.

It greets with what it is. Where it dies it is started anew, and where it dies twice at one line it is not asked that again.
"""

import json
import os
import signal
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .compiler import DidNotRun, Verdict, first_error

# FXC takes half a minute for some shaders, and a compiler may also never end.
LIMIT_S = 600
# Sent by somebody who wants it to end, so they say nothing of the file that it was at.
FROM_OUTSIDE = [signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGTERM]


class Driver:
    def __init__(self, command, environment=None):
        self.command = [str(part) for part in command]
        self.environment = environment or {}

    def greeting(self):
        return self._run("", None, lambda _: None)[0]

    def verdicts(self, lines, folder, heard=lambda _id, _verdict: None):
        """On each of these lines by its id; told as they are heard."""
        answers = self.answers(lines, folder, lambda answer: heard(answer["id"], verdict(answer)))
        return {id: verdict(answer) for id, answer in answers.items()}

    def answers(self, lines, folder, heard=lambda _answer: None):
        """To each of these lines by its id, asked in as many processes as there are cores; told as they are heard."""
        ids = list(lines)
        shares = [ids[start :: os.cpu_count()] for start in range(os.cpu_count())]
        parts = [{id: lines[id] for id in share} for share in shares if share]
        with ThreadPoolExecutor() as pool:
            found = pool.map(lambda part: self._share(part, folder, heard), parts)
            return {id: one for part in found for id, one in part.items()}

    def _share(self, lines, folder, heard):
        found, waiting, fatal = {}, dict(lines), None

        def note(answer):
            # What a process says as it dies may be said twice.
            if waiting.pop(answer["id"], None) is not None:
                found[answer["id"]] = answer
                heard(answer)

        while waiting:
            text = "".join(f"{line}\n" for line in waiting.values())
            _, ending = self._run(text, folder, note)
            at = next(iter(waiting), None)
            if at is not None and at == fatal:
                note({"id": at, "ended": ending})
            fatal = at
        return found

    def _run(self, text, folder, note):
        """The greeting, and how it ended."""
        with tempfile.TemporaryFile(mode="w+") as questions, tempfile.TemporaryFile(mode="w+") as log:
            questions.write(text)
            questions.seek(0)
            greeting, ending = self._ask(questions, log, folder, note)
            if "version" not in greeting:
                log.seek(0)
                raise DidNotRun(f"{self.command[0]} {ending}: {first_error(log.read())}")
            return greeting, ending

    def _ask(self, questions, log, folder, note):
        pipes = {"stdin": questions, "stdout": subprocess.PIPE, "stderr": log}
        variables = {**os.environ, **self.environment}
        try:
            process = subprocess.Popen(self.command, **pipes, text=True, cwd=folder, env=variables)
        except OSError as problem:
            raise DidNotRun(f"does not start: {problem.strerror}") from problem
        with process, Watch(process) as watch:
            answers = filter(None, map(parsed, process.stdout))
            greeting = next(answers, {})
            watch.lap()
            for answer in answers:
                note({**answer, "seconds": watch.lap()})
        return greeting, how_it_ended(process.returncode, watch.was_late)


def parsed(line):
    """None of what is no part of the protocol: a library may print too."""
    try:
        return json.loads(line)
    except ValueError:
        return None


class Watch:
    """Ends a process that computes too long for one answer. Not by the clock: it may have to wait for others."""

    def __init__(self, process):
        self.process = process
        self.start = 0.0
        self.was_late = False
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def lap(self):
        """Seconds of computing since the last answer."""
        now = computed_seconds(self.process.pid)
        took, self.start = now - self.start, now
        return round(took, 2)

    def _watch(self):
        while not self.over.wait(0.5):
            if computed_seconds(self.process.pid) - self.start > LIMIT_S:
                self.was_late = True
                self.process.kill()
                return


def computed_seconds(pid):
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def how_it_ended(code, was_late):
    if was_late:
        return f"was stopped after {LIMIT_S} s of computing"
    if -code in FROM_OUTSIDE:
        raise DidNotRun(f"was ended from outside, by signal {-code}")
    return f"ended by signal {-code}" if code < 0 else f"ended with code {code}"


def verdict(answer):
    if "ended" in answer:
        return Verdict(f"the compiler {answer['ended']} here")
    return Verdict(None if answer["ok"] else first_error(answer["error"]), seconds=answer["seconds"])
