"""Decision tables: cells, rows, hit policies, gaps and overlaps, files and DMN."""
