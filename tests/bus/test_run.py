"""A supervised process: it comes back, it gives up loudly, and nothing of it is ever left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from bus.locks import hold
from bus.supervisor import FATAL
from config.settings import PROJECT_ROOT
from tests.bus.rig import DEADLINE_SECONDS, until

CHILD = "tests.bus.child"
QUICK = {
    "TAPEDECK_SUPERVISOR__BACKOFF_SECONDS": "0.01",
    "TAPEDECK_SUPERVISOR__BACKOFF_MAX_SECONDS": "0.05",
    "TAPEDECK_SUPERVISOR__RESTARTS": "3",
}


class Life:
    """One process of the child: what it told, until its end."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(DEADLINE_SECONDS)
        self._connection = connection
        self._lines = connection.makefile("r")
        word, pid, parent = self.hears().split()
        assert word == "began"
        self.pid, self.parent = int(pid), int(parent)

    def hears(self) -> str:
        """The next line, empty at the end of the process."""
        try:
            return self._lines.readline().strip()
        except ConnectionResetError:
            return ""

    def say(self) -> None:
        """Let a lingering child go on."""
        self._connection.sendall(b"x")

    def ends(self) -> bool:
        """Wait for the end; whether the process is gone then."""
        while self.hears():
            pass
        until(lambda: not is_there(self.pid))
        return True

    def close(self) -> None:
        self._lines.close()
        self._connection.close()


class Stage:
    """A home, a socket to hear of children, and the supervisors that were started."""

    def __init__(self, folder: Path, open_until: ExitStack) -> None:
        self.home = folder / "home"
        self.open_until = open_until
        self.environment = {
            **os.environ,
            **QUICK,
            "TAPEDECK_HOME": str(self.home),
            "CHILD_REPORTS_TO": str(folder / "reports"),
        }
        self._listener = open_until.enter_context(socket.socket(socket.AF_UNIX))
        self._listener.settimeout(DEADLINE_SECONDS)
        self._listener.bind(str(folder / "reports"))
        self._listener.listen(50)

    def run(self, *command: str, plan: str = "serve", **settings: str) -> subprocess.Popen[str]:
        """Start `python -m bus.run` with the plan; it is killed at the end if it is still there."""
        process = subprocess.Popen(
            [sys.executable, "-m", "bus.run", *(command or (CHILD,))],
            cwd=PROJECT_ROOT,
            env={**self.environment, "CHILD_PLAN": plan, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.open_until.callback(finish, process)
        return process

    def next_life(self) -> Life:
        """The next process of the child that begins."""
        connection, _ = self._listener.accept()
        return self.open_until.enter_context(closing(Life(connection)))

    def serving(self) -> Life:
        """The next process of the child, once it serves."""
        life = self.next_life()
        assert life.hears() == "serving"
        return life

    def nobody_comes(self) -> bool:
        """Whether no further process of the child has begun."""
        self._listener.setblocking(False)
        try:
            self._listener.accept()[0].close()
        except BlockingIOError:
            return True
        return False


def finish(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def is_there(pid: int) -> bool:
    """Whether the process still runs; one that nobody has waited for yet does not."""
    return state_of(pid) not in ("", "Z", "X")


def state_of(pid: int) -> str:
    """The process's state as proc(5) has it, empty where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # it may end between the open and the read
        return ""


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The code and the last words of a process that ends."""
    words, _ = process.communicate(timeout=DEADLINE_SECONDS)
    return process.returncode, words


@pytest.fixture
def stage() -> Iterator[Stage]:
    with (
        tempfile.TemporaryDirectory(prefix="td-") as folder,
        ExitStack() as open_until,
    ):
        yield Stage(Path(folder), open_until)


class TestRestarting:
    """What dies comes back, within a budget."""

    @pytest.mark.guarantee("supervision")
    def test_a_killed_process_is_started_again_and_its_death_is_logged(self, stage: Stage) -> None:
        supervisor = stage.run()
        first = stage.serving()
        os.kill(first.pid, signal.SIGKILL)
        second = stage.serving()
        supervisor.terminate()

        assert first.ends()
        assert first.parent == second.parent == supervisor.pid
        assert ended(supervisor)[0] == 0
        log = (stage.home / "logs" / f"{CHILD}.jsonl").read_text()
        assert ('"event":"process.died"' in log, f'"pid":{first.pid}' in log) == (True, True)

    @pytest.mark.guarantee("supervision")
    def test_one_that_dies_some_times_within_the_budget_serves_in_the_end(
        self, stage: Stage
    ) -> None:
        supervisor = stage.run(plan="die twice")
        lives = [stage.next_life() for _ in range(3)]
        assert lives[2].hears() == "serving"
        supervisor.terminate()

        assert ended(supervisor)[0] == 0
        assert all(life.ends() for life in lives)

    @pytest.mark.guarantee("supervision")
    def test_a_spent_budget_ends_the_supervisor_with_a_failure_that_says_why(
        self, stage: Stage
    ) -> None:
        supervisor = stage.run(plan="die", TAPEDECK_SUPERVISOR__RESTARTS="1")
        lives = [stage.next_life() for _ in range(2)]
        code, words = ended(supervisor)

        assert code == 1
        assert f"{CHILD} died 2 times within" in words
        assert all(life.ends() for life in lives)
        assert stage.nobody_comes()

    def test_one_that_fails_with_an_exception_is_restarted_and_the_reason_logged(
        self, stage: Stage
    ) -> None:
        supervisor = stage.run(plan="fail", TAPEDECK_SUPERVISOR__RESTARTS="0")
        assert stage.next_life().ends()
        assert ended(supervisor)[0] == 1
        log = (stage.home / "logs" / f"{CHILD}.jsonl").read_text()
        assert "ValueError: planned" in log

    @pytest.mark.guarantee("supervision")
    def test_what_a_restart_cannot_mend_is_not_restarted(self, stage: Stage) -> None:
        supervisor = stage.run(plan="fatal")
        assert stage.next_life().ends()

        assert ended(supervisor)[0] == FATAL
        assert stage.nobody_comes()

    def test_being_told_to_end_while_it_waits_to_restart_is_no_failure(self, stage: Stage) -> None:
        supervisor = stage.run(
            plan="die",
            TAPEDECK_SUPERVISOR__BACKOFF_SECONDS="60",
            TAPEDECK_SUPERVISOR__BACKOFF_MAX_SECONDS="60",
        )
        life = stage.next_life()
        until(lambda: not Path(f"/proc/{life.pid}").exists())  # the supervisor knows
        supervisor.terminate()

        assert ended(supervisor)[0] == 0
        assert stage.nobody_comes()


class TestEnding:
    """Whoever is told to end ends, and takes everything along."""

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    def test_being_told_ends_the_child_and_then_the_supervisor(
        self, stage: Stage, number: signal.Signals
    ) -> None:
        supervisor = stage.run()
        life = stage.serving()
        supervisor.send_signal(number)

        assert life.hears() == "told to end"
        assert ended(supervisor)[0] == 0
        assert life.ends()

    @pytest.mark.guarantee("supervision")
    def test_term_may_come_twice_and_means_the_same_both_times(self, stage: Stage) -> None:
        supervisor = stage.run(plan="linger")
        life = stage.serving()
        supervisor.terminate()
        assert life.hears() == "told to end"
        supervisor.terminate()
        os.kill(life.pid, signal.SIGTERM)
        life.say()

        assert ended(supervisor)[0] == 0
        assert life.ends()

    def test_being_told_in_the_very_moment_the_child_dies_is_not_missed(self, stage: Stage) -> None:
        supervisor = stage.run()
        life = stage.serving()
        supervisor.send_signal(signal.SIGSTOP)
        until(lambda: state_of(supervisor.pid) == "T")
        os.kill(life.pid, signal.SIGKILL)
        assert life.ends()
        supervisor.terminate()
        supervisor.send_signal(signal.SIGCONT)

        ended(supervisor)
        assert stage.nobody_comes()

    @pytest.mark.guarantee("supervision")
    def test_a_child_that_is_deaf_is_killed_after_its_time(self, stage: Stage) -> None:
        supervisor = stage.run(plan="deaf")
        life = stage.serving()
        supervisor.terminate()
        code, words = ended(supervisor)

        assert life.ends()
        assert code != 0
        assert "did not end within 4 s and was killed" in words

    @pytest.mark.guarantee("supervision")
    def test_the_child_of_a_killed_supervisor_ends(self, stage: Stage) -> None:
        supervisor = stage.run()
        life = stage.serving()
        supervisor.kill()

        assert life.hears() == "told to end"
        assert life.ends()

    @pytest.mark.guarantee("supervision")
    def test_the_child_of_a_killed_supervisor_ends_though_it_is_deaf(self, stage: Stage) -> None:
        supervisor = stage.run(plan="deaf")
        life = stage.serving()
        supervisor.kill()

        assert life.hears() == "told to end"
        assert life.ends()

    @pytest.mark.guarantee("supervision")
    def test_a_supervisor_whose_starter_is_gone_ends_with_its_child(self, stage: Stage) -> None:
        starter = subprocess.Popen(
            [sys.executable, "-c", STARTER, sys.executable, CHILD],
            cwd=PROJECT_ROOT,
            env={**stage.environment, "CHILD_PLAN": "serve"},
        )
        stage.open_until.callback(starter.wait)
        stage.open_until.callback(starter.kill)
        life = stage.serving()
        starter.kill()

        assert life.hears() == "told to end"
        assert life.ends()
        until(lambda: not is_there(life.parent))

    def test_a_supervisor_follows_one_that_was_killed_at_once(self, stage: Stage) -> None:
        killed = stage.run()
        before = stage.serving()
        killed.kill()
        follower = stage.run()
        after = stage.serving()
        follower.terminate()

        assert before.ends()
        assert after.parent == follower.pid
        assert ended(follower)[0] == 0


STARTER = """
import subprocess, sys
subprocess.run([sys.argv[1], "-m", "bus.run", sys.argv[2]])
"""


class TestRefusing:
    """What cannot work says so at once, with the remedy."""

    @pytest.mark.guarantee("supervision")
    def test_a_second_supervisor_of_the_same_name_is_refused(self, stage: Stage) -> None:
        first = stage.run()
        stage.serving()
        code, words = ended(stage.run())

        assert code == FATAL
        assert f"{CHILD} is already running (process {first.pid}) at {stage.home}" in words

    @pytest.mark.guarantee("supervision")
    def test_a_second_deck_is_refused_with_who_runs_and_where(self, stage: Stage) -> None:
        run_dir = stage.home / "run"
        run_dir.mkdir(parents=True)
        with hold(run_dir, "tapedeck", "http://127.0.0.1:8321 (home /h)"):
            code, words = ended(stage.run("deck"))

        assert code == FATAL
        assert words == (
            f"tapedeck: tapedeck is already running (process {os.getpid()})"
            " at http://127.0.0.1:8321 (home /h): end it first, or set another TAPEDECK_HOME\n"
        )

    def test_a_taken_port_is_told_with_the_remedy(self, stage: Stage) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            code, words = ended(stage.run("deck", TAPEDECK_GATEWAY__PORT=str(port)))

        assert code == FATAL
        assert f"port {port} on 127.0.0.1 is taken" in words
        assert "TAPEDECK_GATEWAY__PORT" in words

    @pytest.mark.parametrize("what", ["deck", CHILD])
    def test_a_home_too_deep_for_sockets_is_told_with_the_remedy(
        self, stage: Stage, what: str
    ) -> None:
        code, words = ended(stage.run(what, TAPEDECK_HOME=str(stage.home / ("h" * 100))))

        assert code == FATAL
        assert "choose a shorter TAPEDECK_HOME" in words

    @pytest.mark.parametrize("what", ["deck", CHILD])
    def test_a_home_that_cannot_be_made_is_told_with_the_remedy(
        self, stage: Stage, what: str
    ) -> None:
        stage.home.write_text("a file where the home should be")
        code, words = ended(stage.run(what))

        assert code == FATAL
        assert "choose a folder of your own" in words

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_home_that_may_not_be_written_is_told_with_the_remedy(self, stage: Stage) -> None:
        stage.home.mkdir(mode=0o500)
        code, words = ended(stage.run())

        assert code == FATAL
        assert "give yourself the right to write there" in words

    @pytest.mark.parametrize("arguments", [("a", "b"), ("deck", "deck", "deck")])
    def test_a_wrong_command_tells_the_usage(self, stage: Stage, arguments: tuple[str]) -> None:
        assert ended(stage.run(*arguments)) == (
            2,
            "tapedeck: usage: python -m bus.run deck | bus | services.<name>\n",
        )

    def test_a_wrong_setting_is_told_and_not_tried_again(self, stage: Stage) -> None:
        code, words = ended(stage.run(TAPEDECK_SUPERVISOR__RESTARTS="many"))

        assert code == FATAL
        assert "TAPEDECK_SUPERVISOR__RESTARTS" in words
