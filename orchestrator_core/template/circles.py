"""The circles of a directed graph: one shortest way round for each group of nodes that lead to one another."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence

Graph = Mapping[str, Sequence[str]]


def circles(graph: Graph) -> Iterator[list[str]]:
    """The nodes of one circle of each strongly connected group, in order. Without recursion, however long it is."""
    for group in _groups(graph):
        members = set(group)
        if len(group) > 1 or group[0] in graph.get(group[0], ()):
            yield _way_round(graph, min(group), members)


def _way_round(graph: Graph, start: str, members: set[str]) -> list[str]:
    """A shortest way from the start back to it."""
    before: dict[str, str] = {}
    waiting = deque([start])
    while waiting:
        node = waiting.popleft()
        for following in graph.get(node, ()):
            if following == start:
                way = [node]
                while way[-1] != start:
                    way.append(before[way[-1]])
                return way[::-1]
            if following in members and following not in before:
                before[following] = node
                waiting.append(following)
    return [start]


def _groups(graph: Graph) -> Iterator[list[str]]:
    """Strongly connected components, by Tarjan's algorithm (1972)."""
    numbers: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_nodes: list[str] = []
    is_open: set[str] = set()
    for root in graph:
        stack = [(root, iter(graph[root]))] if root not in numbers else []
        while stack:
            node, rest = stack[-1]
            if node not in numbers:
                numbers[node] = lowest[node] = len(numbers)
                open_nodes.append(node)
                is_open.add(node)
            following = next((other for other in rest if other not in numbers or other in is_open), None)
            if following is None:
                stack.pop()
                if stack:
                    lowest[stack[-1][0]] = min(lowest[stack[-1][0]], lowest[node])
                if lowest[node] == numbers[node]:
                    yield _closed(node, open_nodes, is_open)
            elif following in numbers:
                lowest[node] = min(lowest[node], numbers[following])
            else:
                stack.append((following, iter(graph.get(following, ()))))


def _closed(node: str, open_nodes: list[str], is_open: set[str]) -> list[str]:
    group: list[str] = []
    while not group or group[-1] != node:
        group.append(open_nodes.pop())
        is_open.discard(group[-1])
    return group
