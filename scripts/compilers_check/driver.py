"""A program that holds one compiler and is asked for many files: a line for each, and a line of JSON back.

It greets with what it is. Where it dies, the file that it was at is refused, and it is started anew for the others.
"""

import json
import os
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

from .compiler import DidNotRun, Verdict, first_error

# Wine sets itself up the first time. The slowest shader that is known takes seconds; a compiler may also never end.
START_S, LIMIT_S = 300, 300


class Driver:
    def __init__(self, command, environment=None):
        self.command = [str(part) for part in command]
        self.environment = environment or {}

    def greeting(self):
        return self._run("", None)[0]

    def verdicts(self, lines, folder):
        """On each of these lines by its id, asked in as many processes as there are cores."""
        ids = list(lines)
        shares = [ids[start :: os.cpu_count()] for start in range(os.cpu_count())]
        parts = [{id: lines[id] for id in share} for share in shares if share]
        with ThreadPoolExecutor() as pool:
            return {id: one for part in pool.map(lambda part: self._share(part, folder), parts) for id, one in part.items()}

    def _share(self, lines, folder):
        found, waiting = {}, dict(lines)
        while waiting:
            _, answers, ending = self._run("".join(f"{line}\n" for line in waiting.values()), folder)
            for answer in answers:
                found[answer["id"]] = verdict(answer)
                del waiting[answer["id"]]
            if waiting:
                found[first := next(iter(waiting))] = Verdict(f"the compiler {ending} here")
                del waiting[first]
        return found

    def _run(self, text, folder):
        """The greeting, the answers, and how it ended."""
        with tempfile.TemporaryFile(mode="w+") as questions, tempfile.TemporaryFile(mode="w+") as log:
            questions.write(text)
            questions.seek(0)
            lines, ending = self._lines(questions, log, folder)
            if not lines or "version" not in lines[0]:
                log.seek(0)
                raise DidNotRun(f"{ending}: {first_error(log.read())}")
            return lines[0], lines[1:], ending

    def _lines(self, questions, log, folder):
        pipes = {"stdin": questions, "stdout": subprocess.PIPE, "stderr": log}
        variables = {**os.environ, **self.environment}
        try:
            process = subprocess.Popen(self.command, **pipes, text=True, cwd=folder, env=variables)
        except OSError as problem:
            raise DidNotRun(f"does not start: {problem.strerror}") from problem
        with process:
            found = list(self._until_late(process))
        return found, "was stopped" if process.returncode == -9 else f"ended with code {process.returncode}"

    def _until_late(self, process):
        """Its lines, until one takes too long."""
        line = line_within(START_S, process)
        while line:
            yield json.loads(line)
            line = line_within(LIMIT_S, process)


def line_within(seconds, process):
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        return process.stdout.readline()
    finally:
        timer.cancel()


def verdict(answer):
    return Verdict() if answer["ok"] else Verdict(first_error(answer["error"]))
